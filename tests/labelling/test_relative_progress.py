"""Relative progress: golden labels, exact values of the chain, bad input."""

import numpy as np
import pytest

from prm_jax import errors
from prm_jax.labelling import relative_progress
from prm_jax.solvers import progress
from prm_jax.tasks import chain
from tests.labelling import chains

Config = relative_progress.Config
GOLDEN = chains.label([12, 8, 8, 0, 4], [20] * 5, root=(10, 20))


def classes(label, **options):
  (found,) = relative_progress.relabel([label], Config(**options)).labels
  assert (found.n_correct, found.completer) == (label.n_correct, "completer")
  return found.hard


def test_golden_labels():
  """.5 | .6 .4 .4 0 .2 -> ratios 1.2, .667, 1, 0, dead."""
  assert classes(GOLDEN) == (1, 0, 1, 0, 0)
  assert classes(GOLDEN, threshold=0.6) == (1, 1, 1, 0, 0)
  small = {"rule": "difference", "threshold": -0.1}
  assert classes(GOLDEN, **small) == (1, 0, 1, 0, 0)
  small["threshold"] = -0.3
  assert classes(GOLDEN, **small) == (1, 1, 1, 0, 0)
  found = relative_progress.relabel([GOLDEN], Config())
  assert found.told == {
    "zero_start": 0, "unjudged": 0, "changed": 2, "unknown": 0
  }  # fmt: skip


def test_the_threshold_is_one_of_the_advantage():
  """V_t / V_{t-1} >= .8 where A >= -.2 V_{t-1}."""
  rng = np.random.default_rng(0)
  for before, after in rng.random((200, 2)):
    by_ratio = progress.ratio(0.8)(before, after)
    assert by_ratio == (after - before >= -0.2 * before - 1e-15)


def test_what_is_not_known_has_no_label():
  gap = chains.label([10, 0, 10, 10, 1], [20, 0, 20, 20, 1], root=(10, 20))
  assert classes(gap) == (1, None, None, 1, 1)
  # Completions stopped at the first zero: what follows is dead all the same.
  cut = chains.label([10, 0, 0, 0], [20, 20, 0, 0], root=(10, 20))
  assert classes(cut) == (1, 0, 0, 0)


@pytest.mark.parametrize(
  ("rule", "expected"),
  [("ignore", (None,) * 3), ("wrong", (0, 0, 0)), ("any", (1, 1, 0))],
)
def test_a_start_of_zero(rule, expected):
  label = chains.label([2, 2, 0], [20] * 3, root=(0, 20))
  assert classes(label, zero_start=rule) == expected


def test_start_from_solutions():
  right = chains.label([8, 8, 1], [8, 8, 1])
  wrong = chains.label([3, 8, 0], [8, 8, 1])
  found = relative_progress.relabel(
    [right, wrong], Config(start="solutions")
  ).labels
  assert [one.hard for one in found] == [(1, 1, 1), (0, 1, 0)]


@pytest.mark.parametrize("start", ["root", "solutions"])
def test_a_problem_without_a_verdict_is_left_unlabelled(start):
  judged = chains.label([8, 8, 1], [8, 8, 1], root=(8, 8))
  other = chains.label([8, 8, 0], [8, 8, 0], root=(0, 0), problem_id="q")
  config = Config(start=start)
  found = relative_progress.relabel([judged, other, other], config)
  assert [one.hard for one in found.labels] == [(1,) * 3, *[(None,) * 3] * 2]
  assert (found.told["unjudged"], found.told["unknown"]) == (2, 6)


def test_equal_solutions_of_a_tree_have_verdicts():
  """Their counts at the last step are two of two, and none of two."""
  right = chains.label([2, 2], [4, 2], extra={"correct": True})
  wrong = chains.label([2, 0], [4, 2], extra={"correct": False})
  given = [right, right, wrong, wrong]
  found = relative_progress.relabel(given, Config(start="solutions")).labels
  assert [one.hard for one in found] == [(1, 1), (1, 1), (1, 0), (1, 0)]


def test_exact_ratios_of_the_chain():
  """What is judged is the step that loses value, not those that stay bad."""
  bad, ok = chain.state_values(chains.TASK.config).T
  assert ok[1] / ok[0] == pytest.approx(1.0775, abs=5e-5)
  assert bad[1] / ok[0] == pytest.approx(0.3025, abs=5e-5)
  assert ok[2] / bad[1] == pytest.approx(3.863, abs=5e-4)
  stays = bad[1:] / bad[:-1]
  np.testing.assert_allclose(stays, [0.886, 0.849, 0.791, 0.690], atol=5e-4)
  values = [bad[1], *bad[2:]]
  judged = progress.judge(values, ok[0], progress.ratio(0.8))
  # The error, one more bad step that passes, then two that do not.
  assert judged.tolist() == [False, True, False, False]


def test_chance_of_a_label_is_that_of_two_binomials():
  num, runs = 16, 40_000
  rng = np.random.default_rng(0)
  for before, after in ((0.713204, 0.768475), (0.713204, 0.215763)):
    keeps = progress.ratio(0.8)
    exact = relative_progress.probability_right(before, after, num, keeps)
    first, second = rng.binomial(num, [[before, after]] * runs).T
    right = (first > 0) & (second >= 0.8 * first)
    error = 4.5 * np.sqrt(exact * (1 - exact) / runs)
    assert abs(right.mean() - exact) <= error
    for a, b, wanted in zip(first[:50], second[:50], right, strict=False):
      label = chains.label([int(b)], [num], root=(int(a), num))
      assert classes(label, zero_start="wrong") == (int(wanted),)
  few, many = (
    relative_progress.probability_right(0.7, 0.7, n, progress.ratio(0.8))
    for n in (8, 128)
  )
  assert few < many > 0.97


def test_more_rollouts_where_values_are_low():
  """sqrt((1 - V) / (V K)) differs less over problems than at equal K."""
  values = np.array([0.05, 0.1, 0.5, 0.89, 0.9, 1.0])
  nums = [relative_progress.num_rollouts(v) for v in values]
  assert nums == [128, 64, 64, 64, 32, 32]
  odds = np.sqrt((1 - values) / values)[:-1]
  scheduled, equal = odds / np.sqrt(nums[:-1]), odds / 8
  assert np.ptp(scheduled) < np.ptp(equal)
  assert scheduled.max() < 0.4 < equal.max()


@pytest.mark.parametrize(
  ("label", "options", "told"),
  [
    (chains.label([1], [1]), {}, r"labels\[0\].extra.root: 'p' has no count"),
    (chains.label([0], [8]), {"start": "solutions"}, "has a verdict"),
    (chains.label([1], [1], extra={"root": 3}), {}, r"extra.root: expected"),
    (chains.label([1], [1], root=(9, 8)), {}, "9 correct of 8"),
    (GOLDEN, {"threshold": 1.5}, "method.threshold"),
    (GOLDEN, {"rule": "difference"}, "method.threshold: a difference"),
  ],
)
def test_mistakes(label, options, told):
  with pytest.raises(errors.UserError, match=told):
    classes(label, **options)
