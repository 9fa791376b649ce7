"""Aggregates over runs and tasks; comparisons of accuracies and of seeds."""

import numpy as np
import pytest

from prm_jax.eval import runs, signal

# What rliable 1.2.0 (with arch 7.2.0, scipy 1.17.1) gives for `table`: the
# numbers, and 95 % intervals of 200,000 draws (20,000 of the improvement).
IQM = (0.66770833, 0.52708333, 0.803125)
OPTIMALITY_GAP = (0.365625, 0.26510417, 0.4640625)
MEAN = (0.6390625, 0.5375, 0.74322917)
MEDIAN = (0.59479167, 0.475, 0.76145833)
IQM_OF_TASKS_TOO = (0.66770833, 0.42291667, 0.865625)
IMPROVEMENT = (0.575, 0.38333333, 0.75)
PROFILE = (
  (0.95833333, 0.83333333, 0.66666667, 0.54166667, 0.25),
  (0.875, 0.66666667, 0.5, 0.375, 0.08333333),
  (1.0, 0.95833333, 0.83333333, 0.70833333, 0.41666667),
)


def table(num_runs, factor, more=0.0):
  """Scores of 4 tasks."""
  i, j = np.ogrid[:num_runs, :4]
  return ((factor * i + 5 * j + 3 * i * j) % 17) / 16 + more


LEFT, RIGHT = table(6, 7, 0.1), table(5, 4)


def assert_like(found, golden, num_draws):
  """The value is exact; bounds are quantiles of draws, nearly normal ones.

  A bound's standard error is sqrt(.025 * .975 / draws) over the density
  there, of a normal law of the interval's width.
  """
  value, low, high = golden
  assert found.value == pytest.approx(value, abs=1e-8)
  density = 0.0584 / ((high - low) / 3.92)
  error = np.sqrt(0.025 * 0.975 / num_draws) / density
  assert found.low == pytest.approx(low, abs=4.5 * error)
  assert found.high == pytest.approx(high, abs=4.5 * error)


@pytest.mark.parametrize(
  ("function", "golden"),
  [
    (runs.interquartile_mean, IQM),
    (runs.optimality_gap, OPTIMALITY_GAP),
    (lambda scores: float(scores.mean()), MEAN),
    (runs.median_task, MEDIAN),
  ],
)
def test_aggregates_as_rliable_has_them(function, golden):
  found = runs.interval(function, LEFT, num_resamples=4_000)
  assert_like(found, golden, 4_000)


def test_tasks_drawn_too_as_rliable_does():
  found = runs.interval(
    runs.interquartile_mean, LEFT, num_resamples=4_000, resample_tasks=True
  )
  assert_like(found, IQM_OF_TASKS_TOO, 4_000)


def test_improvement_as_rliable_has_it():
  improvement = runs.probability_of_improvement
  found = runs.interval(improvement, LEFT, RIGHT, num_resamples=4_000)
  assert_like(found, IMPROVEMENT, 4_000)
  assert improvement(RIGHT, LEFT) == pytest.approx(0.425)


def test_profile_as_rliable_has_it():
  levels = np.array([0.1, 0.3, 0.5, 0.7, 0.9])
  found = runs.profile_intervals(LEFT, levels, num_resamples=4_000)
  for own, golden in zip(found, zip(*PROFILE, strict=True), strict=True):
    assert_like(own, golden, 4_000)


def test_golden():
  assert runs.interquartile_mean(np.arange(1.0, 9).reshape(2, 4)) == 4.5
  ones, zeros = np.ones((2, 1)), np.zeros((2, 1))
  assert runs.probability_of_improvement(ones, zeros) == 1
  assert runs.probability_of_improvement(zeros, ones) == 0
  assert runs.probability_of_improvement(ones, ones) == 0.5


def test_probability_of_improvement_by_hand():
  """Task 1: 2 of 4 pairs and a tie; task 2: all."""
  left = np.array([[1.0, 5], [3, 6]])
  right = np.array([[1.0, 1], [2, 2]])
  # 1 > 1 tie, 1 > 2 no, 3 > 1, 3 > 2.
  expected = (2.5 / 4 + 1) / 2
  assert runs.probability_of_improvement(left, right) == expected


def test_optimality_gap_and_profile_by_hand():
  scores = np.array([[0.5, 2.0], [1.0, 0.0]])
  assert runs.optimality_gap(scores) == pytest.approx(1 - 2.5 / 4)
  profile = runs.performance_profile(scores, np.array([-1, 0, 0.5, 1, 2]))
  assert profile.tolist() == [1, 0.75, 0.5, 0.25, 0]


def test_interval_of_constant_scores_has_no_width():
  found = runs.interval(runs.interquartile_mean, np.full((3, 4), 0.7))
  assert found == pytest.approx((0.7, 0.7, 0.7))


def test_interval_is_stratified_and_reproducible():
  """Tasks differ, runs do not: no width unless tasks are drawn too."""
  scores = np.tile([0.1, 0.9], (5, 1))
  mean = lambda s: float(np.mean(s))
  assert runs.interval(mean, scores) == pytest.approx((0.5, 0.5, 0.5))
  drawn = runs.interval(mean, scores, resample_tasks=True)
  assert (drawn.low, drawn.high) == pytest.approx((0.1, 0.9))
  noisy = np.random.default_rng(0).random((8, 3))
  assert runs.interval(mean, noisy, seed=3) == runs.interval(
    mean, noisy, seed=3
  )


def test_interval_of_two_sides():
  rng = np.random.default_rng(1)
  better = rng.normal(1, 0.1, (10, 2))
  worse = rng.normal(0, 0.1, (10, 2))
  found = runs.interval(
    runs.probability_of_improvement, better, worse, num_resamples=200
  )
  assert found == (1, 1, 1)


def test_mcnemar_by_hand():
  """9 to 1: two-sided 2 * (1 + 10) / 2^10."""
  left = np.array([True] * 9 + [False] + [True] * 5 + [False] * 5)
  right = np.array([False] * 9 + [True] + [True] * 5 + [False] * 5)
  found = signal.mcnemar(left, right)
  assert found[:2] == (9, 1)
  assert found.p_value == pytest.approx(22 / 1024)
  assert signal.mcnemar(left, left) == (0, 0, 1.0)


def test_seeds_by_hand():
  scores = np.array([0.4, 0.5, 0.6])
  assert signal.seed_deviation(scores) == pytest.approx(0.1)
  assert signal.signal_to_noise(scores) == pytest.approx(5)
  assert signal.signal_to_noise(np.array([0.5, 0.5])) == np.inf
  with pytest.raises(ValueError, match="at least two"):
    signal.seed_deviation(np.array([0.5]))


def test_monotonicity_by_hand():
  assert signal.monotonicity(np.array([0.1, 0.2, 0.4])) == pytest.approx(1)
  # One of six pairs is the other way: (5 - 1) / 6.
  found = signal.monotonicity(np.array([0.1, 0.3, 0.2, 0.4]))
  assert found == pytest.approx(4 / 6)
  assert np.isnan(signal.monotonicity(np.array([0.5, 0.5])))
