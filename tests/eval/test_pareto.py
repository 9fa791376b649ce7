"""Frontiers and budget ratios, worked out by hand."""

import math

import numpy as np
import pytest

from prm_jax.eval import bootstrap, pareto

NUM = 40


def make_run(name, accuracy, tokens, **costs):
  """A run that solves this share of 40 problems, the first ones."""
  correct = (np.arange(NUM) < round(accuracy * NUM)).astype(float)
  cost = {"tokens": np.full(NUM, float(tokens))}
  return pareto.Run(
    name, correct, cost | {a: np.full(NUM, float(c)) for a, c in costs.items()}
  )


def test_not_dominated_by_hand():
  cost = np.array([1, 2, 2, 3, 3, 4])
  accuracy = np.array([0.2, 0.5, 0.4, 0.5, 0.6, 0.6])
  np.testing.assert_array_equal(
    pareto.not_dominated(cost, accuracy), [1, 1, 0, 0, 1, 0]
  )


def test_equal_points_do_not_dominate_each_other():
  np.testing.assert_array_equal(
    pareto.not_dominated(np.array([2, 2]), np.array([0.5, 0.5])), [1, 1]
  )


def test_not_dominated_is_the_definition():
  rng = np.random.default_rng(0)
  cost, accuracy = rng.integers(0, 6, (2, 40))
  expected = [
    not any(
      (c <= cost[i] and a >= accuracy[i]) and (c, a) != (cost[i], accuracy[i])
      for c, a in zip(cost, accuracy, strict=True)
    )
    for i in range(40)
  ]
  np.testing.assert_array_equal(pareto.not_dominated(cost, accuracy), expected)


def test_table_by_hand():
  runs = [
    make_run("greedy", 0.25, 10, depth=10),
    make_run("best of n", 0.5, 160, depth=10),
    make_run("beam", 0.5, 80, depth=30),
    make_run("greedy twice", 0.25, 20),  # no depth was measured
  ]
  found = pareto.table(runs, num_resamples=200)
  assert [point.name for point in found] == [run.name for run in runs]
  assert [set(point.efficient) for point in found] == [
    {"tokens"},
    {"depth"},
    {"tokens"},
    set(),
  ]
  assert found[1].accuracy == bootstrap.accuracy(
    runs[1].correct, num_resamples=200
  )
  assert found[1].cost["tokens"] == bootstrap.Interval(160, 160, 160)


def test_cost_at_by_hand():
  # Joined against log cost: half way between 8 and 32 is 16.
  cost, accuracy = np.array([32.0, 2.0, 8.0]), np.array([0.6, 0.2, 0.4])
  for level, expected in (
    (0.1, 2),
    (0.2, 2),
    (0.3, 4),
    (0.4, 8),
    (0.5, 16),
    (0.6, 32),
    (0.61, math.inf),
  ):
    found = pareto.cost_at(cost, accuracy, level)
    assert found == pytest.approx(expected)


def test_a_curve_that_falls_again_is_read_at_its_first_crossing():
  cost, accuracy = np.array([1.0, 4.0, 16.0]), np.array([0.2, 0.6, 0.4])
  assert pareto.cost_at(cost, accuracy, 0.4) == pytest.approx(2)
  assert pareto.cost_at(cost, accuracy, 0.5) < 4


def test_of_equal_costs_the_better_one_counts():
  cost, accuracy = np.array([1.0, 4.0, 4.0]), np.array([0.2, 0.3, 0.6])
  assert pareto.cost_at(cost, accuracy, 0.4) == pytest.approx(2)


def test_a_copy_at_a_quarter_of_the_budget():
  """The same curve four times cheaper: 4, whatever the draw."""
  levels = (0.2, 0.4, 0.6)
  baseline = [
    make_run("a", a, t) for a, t in zip(levels, (8, 32, 128), strict=True)
  ]
  better = [
    make_run("b", a, t) for a, t in zip(levels, (2, 8, 32), strict=True)
  ]
  for level in (None, 0.3, 0.6):
    found = pareto.budget_ratio(
      better, baseline, "tokens", level=level, num_resamples=300
    )
    assert found.value == pytest.approx(4)
  found = pareto.budget_ratio(better, baseline, "tokens", num_resamples=300)
  np.testing.assert_allclose(found, 4)


def test_the_ratio_turns_around_with_its_sides():
  one = [make_run("a", a, t) for a, t in ((0.2, 8), (0.5, 32))]
  other = [make_run("b", a, t) for a, t in ((0.3, 4), (0.7, 64))]
  there = pareto.budget_ratio(one, other, "tokens", num_resamples=50)
  back = pareto.budget_ratio(other, one, "tokens", num_resamples=50)
  # At 0.5, which both reach: 32 against half way from 4 to 64.
  assert there.value == pytest.approx(16 / 32)
  assert back.value == pytest.approx(32 / 16)


def test_what_is_never_reached():
  weak, strong = [make_run("a", 0.2, 8)], [make_run("b", 0.6, 8)]
  ratio = lambda *sides, level: pareto.budget_ratio(
    *sides, "tokens", level=level, num_resamples=20
  )
  assert ratio(strong, weak, level=0.5).value == math.inf
  assert ratio(weak, strong, level=0.5).value == 0
  assert ratio(weak, strong, level=0.9) == (1, 1, 1)


def test_the_interval_covers_the_ratio_it_was_made_with():
  """Two noisy curves whose expectations are a factor of 4 apart.

  At accuracy 0.4 the curves, straight against log cost, need 8 and 32
  tokens. Of 60 samples of problems the interval has to hold 4 in at least 49,
  4.5 standard errors below 57 (a bootstrap of 150 problems covers a little
  less than it says).
  """
  rng = np.random.default_rng(0)
  covered = excludes_one = 0
  for seed in range(60):
    skill = rng.random((150, 1))  # of a problem, shared by both
    runs = [
      [
        pareto.Run(
          "", (skill[:, 0] < level).astype(float), {"c": np.full(150, cost)}
        )
        for level, cost in points
      ]
      for points in (
        ((0.2, 2.0), (0.6, 32.0)),
        ((0.2, 8.0), (0.6, 128.0)),
      )
    ]
    for side in runs:  # a tenth of the outcomes are decided by chance
      for i, run in enumerate(side):
        lucky = rng.random(150) < 0.1
        level = (0.2, 0.6)[i]
        drawn = (rng.random(150) < level).astype(float)
        side[i] = run._replace(correct=np.where(lucky, drawn, run.correct))
    found = pareto.budget_ratio(
      *runs, "c", level=0.4, seed=seed, num_resamples=200
    )
    covered += found.low <= 4 <= found.high
    excludes_one += found.low > 1
  assert covered >= 49
  assert excludes_one >= 55  # and is not so wide as to say nothing


def test_mistakes():
  run = make_run("a", 0.5, 8)
  short = pareto.Run("b", np.ones(3), {"tokens": np.ones(3)})
  with pytest.raises(ValueError, match=r"\[3, 40\] problems"):
    pareto.table([run, short])
  with pytest.raises(ValueError, match="no runs"):
    pareto.table([])
  free = make_run("c", 0.5, 0)
  with pytest.raises(ValueError, match="tokens: costs"):
    pareto.budget_ratio([run], [free], "tokens")
