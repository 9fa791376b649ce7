"""Rank correlations overall and within groups."""

import numpy as np
import pytest

from prm_jax.eval import ranking


def test_kendall_counts_pairs():
  scores = np.array([1.0, 2.0, 3.0, 4.0])
  truth = np.array([1.0, 3.0, 2.0, 4.0])  # one of six pairs is swapped
  assert ranking.kendall(scores, truth) == pytest.approx(4 / 6)
  assert ranking.kendall(scores, -scores) == pytest.approx(-1)


def test_spearman_by_hand():
  scores = np.array([10.0, 20.0, 30.0, 40.0])
  truth = np.array([1.0, 3.0, 2.0, 4.0])
  assert ranking.spearman(scores, truth) == pytest.approx(1 - 6 * 2 / 60)
  assert ranking.spearman(np.exp(scores / 10), scores) == pytest.approx(1)


@pytest.mark.parametrize("metric", [ranking.kendall, ranking.spearman])
def test_constant_side_is_undefined(metric):
  varied, constant = np.array([1.0, 2.0]), np.array([1.0, 1.0])
  assert np.isnan(metric(varied, constant))
  assert np.isnan(metric(constant, varied))
  assert np.isnan(metric(varied[:1], varied[:1]))


def test_regret_of_the_top_score():
  truth = np.array([0.2, 0.9, 0.5])
  assert ranking.top_regret(np.array([1, 3, 2]), truth) == 0
  assert ranking.top_regret(np.array([1, 2, 3]), truth) == pytest.approx(0.4)
  assert ranking.top_regret(np.ones(3), truth) == pytest.approx(0.7)


def test_groups_are_taken_apart():
  groups = np.array(["b", "a", "b", "a", "c", "a"])
  scores = np.array([1.0, 1.0, 2.0, 2.0, 5.0, 3.0])
  truth = np.array([9.0, 1.0, 1.0, 2.0, 5.0, 3.0])
  found = ranking.by_group(ranking.kendall, scores, truth, groups)
  np.testing.assert_allclose(found, [1, -1, np.nan])
  mean = ranking.mean_by_group(ranking.kendall, scores, truth, groups)
  assert mean == (0, 2)
  regret = ranking.by_group(ranking.top_regret, scores, truth, groups)
  np.testing.assert_allclose(regret, [0, 8, 0])


def test_no_defined_group():
  value, count = ranking.mean_by_group(
    ranking.kendall, np.ones(2), np.ones(2), np.array([0, 1])
  )
  assert np.isnan(value)
  assert count == 0
