"""Addition chains: exact values, and step truth that differs from value."""

import dataclasses
import itertools

import numpy as np
import pytest

from prm_jax import errors
from prm_jax.tasks import chain
from prm_jax.text import steps as steps_lib

SPLITS = ("train", "validation", "test")
GOLDEN_OK = (0.713204, 0.768475, 0.833500, 0.910000, 1.0)
GOLDEN_BAD = (0.243398, 0.215763, 0.183250, 0.145000, 0.1)
CONFIG = chain.Config(num_problems=100)
EXAMPLE = chain.make_problem((3, 4, 7, 2, 9), 10)
RIGHT = ["3 + 4 = 7", "7 + 7 = 4", "4 + 2 = 6", "6 + 9 = 5", "= 5"]
# Wrong at the second step, carried on, then started afresh at the fourth.
HEALED = ["3 + 4 = 7", "7 + 7 = 5", "5 + 2 = 7", "3 + 4 + 7 + 2 + 9 = 5", "= 5"]
# The same error, never healed, and a lucky or an unlucky guess.
LUCKY = ["3 + 4 = 7", "7 + 7 = 5", "5 + 2 = 7", "7 + 9 = 6", "= 5"]
UNLUCKY = [*LUCKY[:4], "= 6"]


@pytest.fixture(scope="module")
def task():
  return chain.Chain(CONFIG)


def values(task, steps):
  return [task.value(EXAMPLE, steps[:k]) for k in range(len(steps) + 1)]


def test_problem_text():
  assert EXAMPLE.prompt == "10 : 3 + 4 + 7 + 2 + 9 :"
  assert EXAMPLE.id == "chain/10:3-4-7-2-9"
  assert EXAMPLE.answer == "5"


def test_golden_values():
  found = chain.state_values(chain.Config())
  np.testing.assert_allclose(found[:, 1], GOLDEN_OK, atol=1e-6)
  np.testing.assert_allclose(found[:, 0], GOLDEN_BAD, atol=1e-6)


def test_no_recovery_and_many_residues_is_the_hazard_chain():
  """With rho = 0 and m large, V(ok) is the product of 1 - e."""
  found = chain.state_values(chain.Config(modulus=1000, recovery_rate=0.0))
  hazard = 0.9 ** np.arange(4, -1, -1)
  np.testing.assert_allclose(found[:, 1], hazard, atol=1e-3)
  np.testing.assert_allclose(found[:, 0], 1e-3, atol=1e-12)


def test_value_at_every_step_end(task):
  ok, bad = GOLDEN_OK, GOLDEN_BAD
  np.testing.assert_allclose(values(task, RIGHT), [*ok, 1.0], atol=1e-6)
  expected = [ok[0], ok[1], bad[2], bad[3], ok[4]]
  np.testing.assert_allclose(values(task, HEALED), [*expected, 1.0], atol=1e-6)
  expected[4] = bad[4]
  np.testing.assert_allclose(values(task, LUCKY), [*expected, 1.0], atol=1e-6)
  np.testing.assert_allclose(values(task, UNLUCKY), [*expected, 0.0], atol=1e-6)


@pytest.mark.parametrize(
  ("steps", "valid", "right", "first"),
  [
    (RIGHT, [1, 1, 1, 1, 1], [1, 1, 1, 1, 1], None),
    (HEALED, [1, 0, 1, 1, 1], [1, 0, 0, 1, 1], 1),
    (LUCKY, [1, 0, 1, 1, 0], [1, 0, 0, 0, 1], 1),
    (UNLUCKY, [1, 0, 1, 1, 1], [1, 0, 0, 0, 0], 1),
  ],
)
def test_validity_is_local_and_rightness_global(
  task, steps, valid, right, first
):
  assert task.oracle(EXAMPLE, steps).valid == list(map(bool, valid))
  judged = chain.judge(EXAMPLE, steps)
  assert [step.ok for step in judged] == list(map(bool, right))
  assert chain.first_error(EXAMPLE, steps) == first


def test_validity_and_value_differ_both_ways(task):
  """A valid step of low value, and an invalid last one of value 1."""
  assert task.oracle(EXAMPLE, HEALED).valid[2]
  assert values(task, HEALED)[3] < 0.2
  assert not task.oracle(EXAMPLE, LUCKY).valid[4]
  assert values(task, LUCKY)[5] == 1.0


def test_judgement_of_a_step_ignores_later_steps(task):
  for cut in range(5):
    later = [*HEALED[:cut], "nonsense", "= 1"]
    truth, full = task.oracle(EXAMPLE, later), task.oracle(EXAMPLE, HEALED)
    assert truth.valid[:cut] == full.valid[:cut]
    assert truth.solvable[:cut] == full.solvable[:cut]
    assert not any(truth.valid[cut:] + truth.solvable[cut:])


@pytest.mark.parametrize(
  ("steps", "correct", "answer", "reason"),
  [
    (RIGHT, True, "5", "answers 5"),
    (LUCKY, True, "5", "step 2: 7 + 7 is 4 mod 10, not 5; answers 5"),
    (
      UNLUCKY,
      False,
      "6",
      "step 2: 7 + 7 is 4 mod 10, not 5; answers 6, not 5",
    ),
    (RIGHT[:4], False, None, "stops before the answer"),
    ([*RIGHT, "= 5"], False, None, "step 6: '= 5' is out of place"),
    (["= 5"], False, None, "step 1: '= 5' is out of place"),
    (["3 + 4 = 17"], False, None, "step 1: '3 + 4 = 17' is out of place"),
    (["3 + 04 = 7"], False, None, "step 1: '3 + 04 = 7' is out of place"),
    (["3 - 4 = 9"], False, None, "step 1: '3 - 4 = 9' is out of place"),
    (
      ["4 + 4 = 8", *RIGHT[1:]],
      True,
      "5",
      "step 1: has 4 + 4, not 3 + 4 or 3 + 4; answers 5",
    ),
  ],
)
def test_verify(task, steps, correct, answer, reason):
  verdict = task.verify(EXAMPLE, steps)
  assert verdict == type(verdict)(correct, answer, reason)


def test_samples_are_judged_as_they_were_made(task):
  rng = np.random.default_rng(0)
  for problem in itertools.islice(task.problems("train"), 60):
    steps, correct = task.sample(problem, rng)
    assert len(steps) == task.max_steps
    assert task.verify(problem, steps).correct == correct
    judged = chain.judge(problem, steps)
    # Only an ok step can go wrong by itself; a bad one carries on or restarts.
    before = [True, *(step.ok for step in judged[:-2])]
    for was_ok, step in zip(before, judged[:-1], strict=True):
      assert step.valid == (step.ok or not was_ok)
    values = [task.value(problem, steps[:k]) for k in range(6)]
    assert task.oracle(problem, steps).solvable == [v > 0 for v in values[1:]]


def test_generator_has_the_values_it_claims():
  """Outcomes by state after each step, over samples (4.5 sigma)."""
  config = chain.Config(
    num_addends=3, error_rate=0.3, recovery_rate=0.2, modulus=5
  )
  task = chain.Chain(config)
  problem = chain.make_problem((1, 2, 3, 4), 5)
  rng = np.random.default_rng(0)
  outcomes: dict[tuple[int, bool], list[bool]] = {}
  for _ in range(6000):
    steps, correct = task.sample(problem, rng)
    oks = [True, *(step.ok for step in chain.judge(problem, steps)[:-1])]
    for time, ok in enumerate(oks):
      outcomes.setdefault((time, ok), []).append(correct)
  assert len(outcomes) == 7
  for (time, ok), found in outcomes.items():
    value = chain.state_values(config)[time, int(ok)]
    sigma = np.sqrt(max(value * (1 - value), 1e-12) / len(found))
    assert abs(np.mean(found) - value) < 4.5 * sigma


def test_wrong_residues_are_uniform():
  task = chain.Chain(chain.Config(modulus=5, num_addends=1, error_rate=1.0))
  problem = chain.make_problem((1, 2), 5)
  rng = np.random.default_rng(0)
  written = [task.sample(problem, rng)[0][0][-1] for _ in range(2000)]
  counts = {residue: written.count(residue) for residue in "01234"}
  assert counts.pop("3") == 0
  sigma = np.sqrt(2000 * 0.25 * 0.75)
  assert all(abs(count - 500) < 4.5 * sigma for count in counts.values())


def test_another_policy_is_another_config_on_the_same_problems(task):
  completer = chain.Chain(dataclasses.replace(CONFIG, error_rate=0.4))
  for split in SPLITS:
    assert list(completer.problems(split)) == list(task.problems(split))
  assert completer.value(EXAMPLE, RIGHT[:1]) < task.value(EXAMPLE, RIGHT[:1])


def test_splits_are_disjoint_and_complete(task):
  names = [p.id for split in SPLITS for p in task.problems(split)]
  assert len(names) == len(set(names)) == 100


def test_demonstrations_fit_tokenizer_and_bounds():
  for modulus in (2, 10, 97):
    config = chain.Config(
      modulus=modulus, error_rate=0.5, recovery_rate=0.5, num_problems=20
    )
    task = chain.Chain(config)
    rng = np.random.default_rng(0)
    longest = 0
    for problem in task.problems("train"):
      for steps in task.demonstrations(problem, rng, 10):
        solution = steps_lib.encode_solution(
          task.tokenizer(), problem.prompt, steps
        )
        ends = [solution.prompt_length - 1, *solution.step_end.tolist()]
        longest = max(longest, *np.diff(ends))
    assert longest == task.max_step_tokens


@pytest.mark.parametrize(
  ("fields", "message"),
  [
    ({"modulus": 1}, "task.modulus: expected 2 to 1000, got 1"),
    ({"modulus": 1001}, "task.modulus: expected 2 to 1000, got 1001"),
    ({"num_addends": 0}, "task.num_addends: expected 1 to 100, got 0"),
    ({"error_rate": 1.5}, "task.error_rate: expected 0 to 1, got 1.5"),
    ({"recovery_rate": -0.1}, "task.recovery_rate: expected 0 to 1, got -0.1"),
    (
      {"modulus": 2, "num_addends": 1, "num_problems": 5},
      "task.num_problems: found 4 different problems of the 5 asked for",
    ),
  ],
)
def test_bad_config(fields, message):
  with pytest.raises(errors.UserError) as told:
    list(chain.Chain(chain.Config(**fields)).problems("test"))
  assert str(told.value) == message
