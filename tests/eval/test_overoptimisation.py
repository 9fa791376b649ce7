"""Best-of-N curves: against enumeration, and fits of what was put in."""

import itertools

import numpy as np
import pytest

from prm_jax.eval import overoptimisation

PROXY = np.array([[0.3, 0.9, 0.1, 0.6]])
GOLD = np.array([[1.0, 0.2, 0.4, 0.8]])


def test_golden_kl():
  found = overoptimisation.curve(PROXY, GOLD, [1, 2, 4])
  np.testing.assert_allclose(found.kl, [0, 0.193147, 0.636294], atol=1e-6)
  more = np.random.default_rng(0).random((1, 64))
  wide = overoptimisation.curve(more, more, [16, 64])
  np.testing.assert_allclose(wide.kl, [1.835089, 3.174508], atol=1e-6)


def test_ends_of_the_curve():
  """N = 1: the mean. N = n: the gold of the best by the proxy."""
  found = overoptimisation.curve(PROXY, GOLD, [1, 4])
  assert found.gold[0].value == pytest.approx(GOLD.mean())
  assert found.gold[1].value == pytest.approx(0.2)
  assert found.proxy[1].value == pytest.approx(0.9)


@pytest.mark.parametrize("num", [1, 2, 3, 4])
def test_no_bias_by_enumeration(num):
  subsets = list(itertools.combinations(range(4), num))
  best = [max(s, key=lambda i: PROXY[0, i]) for s in subsets]
  found = overoptimisation.curve(PROXY, GOLD, [num])
  assert found.gold[0].value == pytest.approx(np.mean(GOLD[0, best]))
  assert found.proxy[0].value == pytest.approx(np.mean(PROXY[0, best]))


def test_fits_find_what_was_put_in():
  kl = np.array([0.2, 0.6, 1.8, 3.2])
  d = np.sqrt(kl)
  found = overoptimisation.fit_best_of_n(kl, d * (1.5 - 0.4 * d))
  assert found == pytest.approx((1.5, 0.4))
  assert overoptimisation.peak(found) == pytest.approx((1.5 / 0.8) ** 2)
  rl = overoptimisation.fit_rl(kl, d * (0.9 - 0.3 * np.log(d)))
  assert rl == pytest.approx((0.9, 0.3))
  rising = overoptimisation.Fit(1.0, -0.1)
  assert overoptimisation.peak(rising) == np.inf
  with pytest.raises(ValueError, match="two different"):
    overoptimisation.fit_best_of_n(np.array([0.5, 0.5]), np.array([0.1, 0.2]))
