"""Targets from outcomes of what is predicted alike."""

import numpy as np
import pytest

from prm_jax.labelling import empirical


def test_bins_by_hand():
  predicted = np.array([0.9, 0.1, 0.2, 0.8])
  outcomes = np.array([1.0, 0.0, 1.0, 1.0])
  found = empirical.binned(predicted, outcomes, num_bins=2)
  np.testing.assert_allclose(found, [1, 0.5, 0.5, 1])


def test_a_kernel_by_hand():
  predicted, outcomes = np.array([0.5, 0.4, 0.6]), np.array([1.0, 0.0, 0.0])
  weight = np.exp(-0.5 * (np.array([0, 0.1, 0.1]) / 0.1) ** 2)
  found = empirical.kernel(predicted, outcomes)
  assert found[0] == pytest.approx(1 / weight.sum())
  far = empirical.kernel(predicted, outcomes, width=1e-3)
  np.testing.assert_allclose(far, outcomes, atol=1e-12)
  nearest = empirical.kernel(predicted, outcomes, num_neighbours=1)
  np.testing.assert_array_equal(nearest, outcomes)


@pytest.mark.parametrize("fn", [empirical.binned, empirical.kernel])
def test_targets_near_the_truth_where_predictions_are_in_order(fn):
  """E3's use: single outcomes; a model that is sharp but in order."""
  rng = np.random.default_rng(0)
  truth = rng.uniform(0.1, 0.9, 3000)
  outcomes = (rng.random(3000) < truth).astype(float)
  sharp = truth**4 / (truth**4 + (1 - truth) ** 4)
  found = fn(sharp, outcomes)
  error = lambda x: np.mean((x - truth) ** 2)
  assert error(found) < 0.3 * error(sharp)
  assert found.mean() == pytest.approx(outcomes.mean(), abs=0.02)


def test_mixing_and_its_schedule():
  targets, teacher = np.array([0.0, 1.0]), np.array([0.4, 0.8])
  found = empirical.mixed(targets, teacher, 0.25)
  np.testing.assert_allclose(found, [0.1, 0.95])
  with pytest.raises(ValueError, match="weight 2"):
    empirical.mixed(targets, teacher, 2.0)
  weights = [empirical.progressive_weight(i, 4, 0.6) for i in range(4)]
  np.testing.assert_allclose(weights, [0.15, 0.3, 0.45, 0.6])
  assert empirical.progressive_weight(0, 1, 0.0) == 0
