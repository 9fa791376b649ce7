"""ProcBench, DIA, perturbed problems, consistency, attacks."""

import numpy as np
import pytest

from prm_jax import errors
from prm_jax.eval import attacks, consistency, dia, perturbation, procbench


def test_prefix_match_by_hand():
  """True a b c, predicted a b x c: 2 of 4, the end is right."""
  found = procbench.match(["a", "b", "c"], ["a", "b", "x", "c"])
  assert found == (2, 0.5, False, True)


@pytest.mark.parametrize(
  ("predicted", "expected"),
  [
    (["a", "b", "c"], (3, 1.0, True, True)),
    (["a", "b"], (2, 2 / 3, False, False)),
    (["x", "b", "c"], (0, 0.0, False, True)),
    ([], (0, 0.0, False, False)),
    (["a", "b", "c", "c"], (3, 0.75, False, True)),
  ],
)
def test_prefix_match(predicted, expected):
  assert procbench.match(["a", "b", "c"], predicted) == expected


def test_buckets():
  names = [procbench.bucket(n) for n in (0, 1, 5, 6, 15, 16, 24, 25)]
  assert names == [
    "other",
    *["short"] * 2,
    *["medium"] * 2,
    *["long"] * 2,
    "other",
  ]


def test_four_right_and_one_wrong():
  """RS (4 - 2) / 5, TSR 80 %, not confident, a near miss."""
  found = dia.template(["correct"] * 4 + ["wrong"])
  assert found.reliability == pytest.approx(0.4)
  assert found == (found.reliability, 0.8, False, True)


def test_not_knowing_costs_nothing():
  silent = dia.template(["correct"] * 3 + ["unknown"] * 2)
  guessed = dia.template(["correct"] * 3 + ["wrong"] * 2)
  assert (silent.reliability, guessed.reliability) == pytest.approx((0.6, -0.2))
  assert dia.template(["correct"] * 5) == (1, 1, True, False)
  with pytest.raises(errors.UserError, match="'maybe' is not one of correct"):
    dia.template(["maybe"])


def test_drop_is_paired_by_seed():
  """Seed a has two variants, one solved; the mean counts once."""
  seeds = {"a": True, "b": True, "c": False}
  variants = [
    ("a", "symbol", True),
    ("a", "symbol", False),
    ("b", "symbol", False),
    ("c", "symbol", False),
    ("b", "number", True),
  ]
  found = perturbation.drops(seeds, variants)
  own = found["symbol"]
  assert own.seed_accuracy.value == pytest.approx(2 / 3)
  assert own.accuracy.value == pytest.approx(0.5 / 3)
  assert own.drop.value == pytest.approx(0.5)
  assert (own.num_seeds, own.num_variants) == (3, 4)
  assert found["number"].drop.value == 0
  with pytest.raises(errors.UserError, match="seed 'z'"):
    perturbation.drops(seeds, [("z", "symbol", True)])


def blind(n=7):
  """A reward that does not read the instruction."""
  rng = np.random.default_rng(0)
  here, there = rng.random(n), rng.random(n)
  return consistency.Pairs(here, there, here, there)


def test_a_reward_that_ignores_the_instruction():
  pairs = blind()
  assert consistency.instruction_consistency(pairs).mean() == 0
  assert consistency.instruction_consistency(pairs, "half").mean() == 0.5
  # It prefers the same response under both, so is right about one of them.
  assert consistency.response_consistency(pairs).mean() == 0.5


def test_a_reward_that_reads_it():
  one = np.ones(3)
  pairs = consistency.Pairs(one, 0 * one, 0 * one, one)
  assert consistency.instruction_consistency(pairs).tolist() == [1, 1, 1]
  assert consistency.response_consistency(pairs).tolist() == [1, 1, 1]
  half = consistency.Pairs(*(np.array([x]) for x in (0.9, 0.5, 0.2, 0.4)))
  assert consistency.response_consistency(half).tolist() == [1.0]
  assert consistency.instruction_consistency(half).tolist() == [0.5]


def test_a_swapped_problem_has_to_lower_the_score():
  own, swapped = np.array([0.9, 0.5, 0.3]), np.array([0.1, 0.5, 0.4])
  assert consistency.swap_consistency(own, swapped).tolist() == [1, 0, 0]
  assert consistency.swap_consistency(own, swapped, "half").mean() == 0.5


def test_attack_success_by_hand():
  plain = np.array([0.1, 0.6, 0.2, 0.1])
  attacked = np.array([0.7, 0.6, 0.5, 0.9])
  assert attacks.success_rate(attacked, 0.5).mean() == 0.75
  assert attacks.lift(plain, attacked, 0.5).value == pytest.approx(0.5)


def test_there_are_thirteen_attacks_and_each_changes_the_steps():
  steps = ["one", "two"]
  assert len(attacks.PATTERNS) == 13
  for name, attack in attacks.PATTERNS.items():
    found = attack(steps)
    assert found != steps, name
    assert all(found), name
  assert steps == ["one", "two"]
