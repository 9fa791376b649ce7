"""Functions of sums: by hand, against plain means, paired."""

import numpy as np
import pytest

from prm_jax.eval import bootstrap, totals


def test_totals_of_one_column_are_a_sum():
  """A ratio of sums over problems; strata are resampled by themselves."""
  table = np.array([[1.0, 2], [3, 2], [2, 4]])
  found = totals.interval(lambda t: t[..., 0] / t[..., 1], table)
  assert found.value == 6 / 8
  # Problem 1 alone, problem 2 alone: no draw is beyond.
  assert 0.5 <= found.low < found.value < found.high <= 1.5
  fixed = np.array([[1.0, 2]])
  both = totals.interval(
    lambda s, t: s[..., 0] / s[..., 1] + t[..., 0] / t[..., 1], fixed, fixed
  )
  assert both == (1, 1, 1)


def test_totals_agree_with_the_mean():
  values = np.random.default_rng(0).random(50)
  table = np.stack([values, np.ones(50)], axis=1)
  found = totals.interval(lambda t: t[..., 0] / t[..., 1], table)
  other = bootstrap.mean(values)
  assert found.value == pytest.approx(other.value)
  # Other draws of the same law: ends within a few of their standard errors.
  np.testing.assert_allclose(found[1:], other[1:], atol=0.005)


def test_sums_by_problem():
  values = np.array([[1, 10], [2, 20], [3, 30]])
  found = totals.by_problem(["x", "y", "x"], values)
  assert found.tolist() == [[4, 40], [2, 20]]


def test_comparison_counts_ties_against():
  table = np.array([[1.0], [0.0], [-1.0]])
  found = totals.comparison(lambda t: t[..., 0], table)
  assert found.value == 0
  # P(sum of three draws <= 0): (1 - P(0)) / 2 + P(0), P(0) = 7 / 27.
  share = (1 - 7 / 27) / 2 + 7 / 27
  error = np.sqrt(share * (1 - share) / bootstrap.NUM_RESAMPLES)
  assert abs(found.share_against - share) < 4.5 * error
  with pytest.raises(ValueError, match="no problem"):
    totals.interval(lambda t: t[..., 0], table[:0])
