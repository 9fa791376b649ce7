"""Means over seeds."""

import numpy as np
import pytest
import scipy.stats

from prm_jax.eval import seeds


def test_students_interval():
  values = np.array([1.0, 2.0, 4.0])
  found = seeds.mean(values)
  low, high = scipy.stats.t.interval(
    0.95, 2, loc=values.mean(), scale=scipy.stats.sem(values)
  )
  np.testing.assert_allclose(
    [found.value, found.low, found.high], [7 / 3, low, high]
  )
  # t of 2 degrees of freedom at .975 is 4.303; the standard error .8819.
  assert found.high - found.value == pytest.approx(4.3027 * 0.8819, rel=1e-3)


def test_one_run_says_nothing_of_others():
  assert seeds.mean(np.array([0.5])) == (0.5, -np.inf, np.inf)


def test_what_seeds_share_cancels():
  shared = np.array([0.0, 5.0, -3.0])
  found = seeds.difference(shared + 1, shared)
  np.testing.assert_allclose(found, (1, 1, 1))
  with pytest.raises(ValueError, match="3 runs and 2 others"):
    seeds.difference(shared, shared[:2])
