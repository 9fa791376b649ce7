"""Calibration measures against golden numbers and closed forms."""

import numpy as np
import pytest
import scipy.stats

from prm_jax.eval import calibration

P = np.array([0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9])
Y = np.array([0, 0, 1, 0, 1, 0, 1, 1])


def test_golden():
  assert calibration.squared_error(P, Y) == pytest.approx(0.175)
  mass = calibration.equal_mass_bins(P, 4)
  assert calibration.expected_error(P, Y, mass) == pytest.approx(0.15)
  width = calibration.equal_width_bins(P, 2)
  assert calibration.expected_error(P, Y, width) == pytest.approx(0, abs=1e-12)
  assert calibration.auroc(P, Y) == pytest.approx(0.8125)


def test_maximum_is_that_of_the_worst_bin():
  mass = calibration.equal_mass_bins(P, 4)
  gaps = [abs(P[i : i + 2].mean() - Y[i : i + 2].mean()) for i in (0, 2, 4, 6)]
  assert calibration.maximum_error(P, Y, mass) == pytest.approx(max(gaps))


def test_constant_prediction_of_the_base_rate():
  y = np.array([0.0, 0, 0, 1, 1])
  p = np.full(5, 0.4)
  bins = calibration.equal_mass_bins(p, 1)
  assert calibration.expected_error(p, y, bins) == pytest.approx(0, abs=1e-12)
  assert calibration.squared_error(p, y) == pytest.approx(y.var())
  assert calibration.kolmogorov_smirnov_error(p, y) == pytest.approx(
    0, abs=1e-12
  )
  assert calibration.auroc(p, y) == 0.5


def test_log_loss_by_hand():
  p, y = np.array([0.25, 1.0, 0.0]), np.array([1, 1, 0])
  assert calibration.log_loss(p, y) == pytest.approx(-np.log(0.25) / 3)
  assert calibration.log_loss(np.array([0.0]), np.array([1])) == np.inf


def test_weights_are_repetitions():
  weights = np.array([1, 2, 3, 1, 2, 3, 1, 2])
  p, y = np.repeat(P, weights), np.repeat(Y, weights)
  for metric in (calibration.squared_error, calibration.log_loss):
    assert metric(P, Y, weights) == pytest.approx(metric(p, y))


def test_auroc_counts_pairs():
  rng = np.random.default_rng(0)
  scores, y = rng.integers(6, size=40), rng.integers(2, size=40)
  pairs = scores[y == 1][:, None] - scores[y == 0]
  expected = np.mean((pairs > 0) + 0.5 * (pairs == 0))
  assert calibration.auroc(scores, y) == pytest.approx(expected)
  assert np.isnan(calibration.auroc(scores, np.ones(40)))


def test_equal_mass_bins_are_equal_and_in_order():
  p = np.random.default_rng(0).random(31)
  bins = calibration.equal_mass_bins(p, 4)
  assert [len(b) for b in bins] == [8, 8, 8, 7]
  assert np.concatenate(bins).tolist() == np.argsort(p, kind="stable").tolist()
  few = calibration.equal_mass_bins(p[:3], 15)
  assert [len(b) for b in few] == [1, 1, 1]


def test_equal_width_bins_have_their_edges():
  p = np.array([0.0, 0.49, 0.5, 0.99, 1.0])
  bins = calibration.equal_width_bins(p, 2)
  assert [b.tolist() for b in bins] == [[0, 1], [2, 3, 4]]
  alone = calibration.equal_width_bins(np.array([0.05, 0.95]), 10)
  assert [b.tolist() for b in alone] == [[0], [1]]


def test_kolmogorov_smirnov_by_hand_and_without_order_of_ties():
  p, y = np.array([0.2, 0.2, 0.8, 0.8]), np.array([1, 0, 0, 0])
  # Running sums of p - y after the ties: .4 - 1 = -.6, then 1.6 - .6 = 1.
  assert calibration.kolmogorov_smirnov_error(p, y) == pytest.approx(0.25)
  turned = calibration.kolmogorov_smirnov_error(p, np.array([0, 1, 0, 0]))
  assert turned == pytest.approx(0.25)


def test_reliability_holds_the_points_of_the_diagram():
  found = calibration.reliability(P, Y, calibration.equal_mass_bins(P, 2))
  np.testing.assert_allclose(found.predicted, [0.25, 0.75])
  np.testing.assert_allclose(found.observed, [0.25, 0.75])
  assert found.size.tolist() == [4, 4]
  assert (found.low < found.observed).all()
  assert (found.high > found.observed).all()


def test_resampling_null_is_the_bias_of_a_perfect_model():
  rng = np.random.default_rng(0)
  p = rng.random(60)
  null = calibration.resampling_null(
    p, calibration.squared_error, num_draws=4000
  )
  error = null.std() / np.sqrt(len(null))
  assert abs(null.mean() - (p * (1 - p)).mean()) < 4.5 * error
  ece = calibration.resampling_null(p, calibration.expected_error)
  assert ece.mean() > 0.05  # an ECE of 0 cannot be seen with 60 outcomes
  measured = calibration.expected_error(p, (rng.random(60) < p).astype(float))
  assert measured < np.quantile(ece, 0.999)


def all_counts(v, n):
  counts = np.arange(n + 1)
  return counts, scipy.stats.binom.pmf(counts, n, v)


@pytest.mark.parametrize(("v", "p", "n"), [(0.3, 0.3, 4), (0.7, 0.5, 8)])
def test_monte_carlo_error_is_unbiased(v, p, n):
  """The expectation over all counts, summed exactly."""
  counts, prob = all_counts(v, n)
  found = [
    calibration.monte_carlo_squared_error(
      np.array([p]), np.array([c]), np.array([n])
    )
    for c in counts
  ]
  assert prob @ np.array(found) == pytest.approx((p - v) ** 2, abs=1e-12)
  raw = prob @ (p - counts / n) ** 2
  floor = calibration.noise_floor(np.array([v]), np.array([n]))
  assert raw - floor == pytest.approx((p - v) ** 2, abs=1e-12)


def test_monte_carlo_error_needs_two_samples():
  with pytest.raises(ValueError, match="fewer than 2"):
    calibration.monte_carlo_squared_error(
      np.array([0.5]), np.array([1]), np.array([1])
    )


def test_brier_is_value_error_plus_irreducible_part():
  """Exactly, where outcomes are weighted by their probabilities."""
  rng = np.random.default_rng(0)
  v, p, visits = rng.random((3, 50))
  brier = calibration.squared_error(
    np.tile(p, 2),
    np.repeat([1.0, 0.0], 50),
    np.concatenate([visits * v, visits * (1 - v)]),
  )
  value_error = calibration.squared_error(p, v, visits)
  irreducible = np.average(v * (1 - v), weights=visits)
  assert brier - irreducible == pytest.approx(value_error, abs=1e-12)


def test_average_precision_by_hand():
  """Ranked 1 0 1: precision 1 at recall 1/2, 2/3 at 1."""
  scores, y = np.array([0.9, 0.5, 0.1]), np.array([1, 0, 1])
  assert calibration.auprc(scores, y) == pytest.approx(0.5 + 0.5 * 2 / 3)
  tied = calibration.auprc(np.array([0.5, 0.5, 0.5]), y)
  assert tied == pytest.approx(2 / 3)  # the base rate
  assert calibration.auprc(scores, np.ones(3)) == 1
  assert np.isnan(calibration.auprc(scores, np.zeros(3)))


def test_decomposition_adds_up():
  for bins in (
    calibration.equal_mass_bins(P, 4),
    calibration.equal_width_bins(P, 2),
  ):
    d = calibration.decomposition(P, Y, bins)
    total = d.reliability - d.resolution + d.uncertainty + d.within
    assert total == pytest.approx(0.175)
    assert d.uncertainty == 0.25


def test_decomposition_by_hand():
  """Two values, four of each: within bins nothing is left."""
  p = np.array([0.25] * 4 + [0.5] * 4)
  y = np.array([0, 0, 0, 0, 1, 1, 1, 0])
  d = calibration.decomposition(p, y, calibration.equal_width_bins(p, 4))
  assert d.reliability == pytest.approx(0.5 * 0.25**2 + 0.5 * 0.25**2)
  assert d.resolution == pytest.approx(0.375**2)
  assert d.uncertainty == pytest.approx(0.375 * 0.625)
  assert d.within == pytest.approx(0, abs=1e-12)


def test_balanced_error_counts_each_bin_once():
  p = np.array([0.1, 0.9, 0.9, 0.9])
  y = np.array([1, 1, 1, 1])
  bins = calibration.equal_width_bins(p, 2)
  assert calibration.expected_error(p, y, bins) == pytest.approx(0.3)
  assert calibration.balanced_error(p, y, bins) == pytest.approx(0.5)
