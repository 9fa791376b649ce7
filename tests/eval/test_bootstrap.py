"""Intervals: exact distributions, coverage, pairing, clusters, edges."""

import itertools

import numpy as np
import pytest
import scipy.stats

from prm_jax.eval import bootstrap


def test_percentiles_are_those_of_all_draws():
  """Against the exact bootstrap distribution of all n^n draws."""
  values = np.array([0.0, 1.0, 3.0, 7.0, 8.0])
  exact = np.array([np.mean(d) for d in itertools.product(values, repeat=5)])
  low, high = np.quantile(exact, [0.05, 0.95], method="inverted_cdf")
  found = bootstrap.mean(values, level=0.9, num_resamples=40_000)
  assert found == (3.8, pytest.approx(low), pytest.approx(high))


def test_agrees_with_scipy():
  values = np.random.default_rng(0).random(80)
  theirs = scipy.stats.bootstrap(
    (values,),
    np.mean,
    method="percentile",
    n_resamples=10_000,
    rng=np.random.default_rng(1),
  ).confidence_interval
  ours = bootstrap.mean(values)
  np.testing.assert_allclose([ours.low, ours.high], theirs, atol=0.003)


def test_covers_the_truth_about_as_often_as_it_says():
  rng = np.random.default_rng(3)
  hits = 0
  for trial in range(400):
    found = bootstrap.mean(rng.random(60), num_resamples=400, seed=trial)
    hits += found.low <= 0.5 <= found.high
  # 95 % less about 1 % at this size; 4.5 standard errors of 400 trials.
  assert 0.89 < hits / 400 < 0.985


def test_samples_of_a_problem_stay_together():
  """Copies of a sample are no further evidence."""
  values = np.random.default_rng(0).random(30)
  copies = np.repeat(values[:, None], 50, axis=1)
  np.testing.assert_allclose(bootstrap.mean(copies), bootstrap.mean(values))
  np.testing.assert_allclose(
    bootstrap.difference(copies, 1 - copies),
    bootstrap.difference(values, 1 - values),
  )


def test_draws_depend_on_the_seed_alone():
  values = np.random.default_rng(0).random(30)
  assert bootstrap.mean(values, seed=1) == bootstrap.mean(values, seed=1)
  assert bootstrap.mean(values, seed=1) != bootstrap.mean(values, seed=2)


def test_chunks_do_not_change_the_draws(monkeypatch):
  values = np.random.default_rng(0).random(30)
  whole = bootstrap.mean(values, num_resamples=1000)
  monkeypatch.setattr(bootstrap, "_CHUNK", 30 * 7)
  assert bootstrap.mean(values, num_resamples=1000) == whole


def test_pairing_takes_the_common_part_out():
  rng = np.random.default_rng(0)
  hard = rng.random(200)
  left, right = 0.8 * hard + 0.1, 0.8 * hard
  found = bootstrap.difference(left, right)
  np.testing.assert_allclose(found[:3], 0.1, rtol=1e-9)
  assert found.share_against == 0
  apart = bootstrap.difference(left, rng.permutation(right))
  assert apart.high - apart.low > 0.05


def test_difference_of_the_same_is_no_evidence():
  values = np.random.default_rng(0).random(50)
  assert bootstrap.difference(values, values) == (0, 0, 0, 1)


def test_ratio_of_proportional_values_is_exact():
  values = np.random.default_rng(0).random(50)
  found = bootstrap.ratio(3 * values, values)
  np.testing.assert_allclose(found, (3, 3, 3, 0))


def test_ratio_with_nothing_below():
  ones, zeros = np.ones(10), np.zeros(10)
  assert bootstrap.ratio(ones, zeros) == (np.inf, np.inf, np.inf, 0)
  assert bootstrap.ratio(zeros, zeros) == (1, 1, 1, 1)
  rare = np.array([1.0] + [0.0] * 9)
  found = bootstrap.ratio(ones, rare)
  assert found.value == pytest.approx(10)
  assert found.high == np.inf
  assert 2 < found.low < 10


def test_seeds_widen_the_interval():
  rng = np.random.default_rng(0)
  per_problem = rng.random(100)
  same = np.tile(per_problem, (5, 1))
  np.testing.assert_allclose(
    bootstrap.seeded_mean(same), bootstrap.mean(per_problem), atol=1e-12
  )
  shifted = same + np.array([-0.3, -0.1, 0, 0.1, 0.3])[:, None]
  wide, narrow = bootstrap.seeded_mean(shifted), bootstrap.seeded_mean(same)
  assert wide.value == pytest.approx(narrow.value)
  assert wide.high - wide.low > 1.5 * (narrow.high - narrow.low)


def test_seeded_spread_is_the_sum_of_both():
  """Two additive effects: the variances of their bootstraps add up."""
  rng = np.random.default_rng(1)
  seeds, problems = rng.normal(size=6), rng.normal(size=40)
  found = bootstrap.seeded_mean(
    seeds[:, None] + problems, level=0.6826895, num_resamples=40_000
  )
  expected = np.sqrt(seeds.var() / 6 + problems.var() / 40)
  np.testing.assert_allclose((found.high - found.low) / 2, expected, rtol=0.03)


def test_wilson_golden():
  np.testing.assert_allclose(
    bootstrap.wilson(8, 10), (0.8, 0.4901625, 0.9433178), atol=1e-6
  )


@pytest.mark.parametrize("value", [0, 1])
def test_accuracy_is_never_certain(value):
  found = bootstrap.accuracy(np.full((40, 4), value))
  assert found == bootstrap.wilson(40 * value, 40)
  assert found.high - found.low > 0.05


def test_accuracy_is_the_mean_elsewhere():
  correct = np.random.default_rng(0).random((50, 4)) < 0.4
  assert bootstrap.accuracy(correct) == bootstrap.mean(correct)
  with pytest.raises(ValueError, match="accuracies"):
    bootstrap.accuracy(np.array([0.0, 2.0]))


def test_any_statistic():
  values = np.random.default_rng(0).random(40)
  found = bootstrap.statistic(
    lambda a, b: float((a * b).mean()), values, np.ones(40)
  )
  assert found == bootstrap.mean(values, num_resamples=1000)


def test_no_problem_is_an_error():
  with pytest.raises(ValueError, match="no problem"):
    bootstrap.mean(np.zeros((0, 4)))
