import functools

import jax
import numpy as np
import pytest

from prm_jax.search import best_of_n, particle, potentials, resampling
from prm_jax.search import step_beam as beam_lib
from tests.search import reference, tabular

RUNS = 5000
POTENTIALS = ["last", "odds", "difference"]
SCHEMES = list(resampling.SCHEMES)
LAST, ODDS, DIFFERENCE = range(3)
MULTINOMIAL, STRATIFIED, SYSTEMATIC, RESIDUAL = range(4)
# Targets p * prod G of the three potentials, and E[correct] under them.
GOLDEN = {
  "last": (0.0972768579, 0.0946363478),
  "odds": (2.5568931876, 0.3001676783),
  "difference": (0.1560638703, 0.2452004984),
}


@functools.partial(tabular.jit, static_argnames=("rows", "options"))
def search(params, keys, *, rows, options=()):
  options = {"step_fn": tabular.step_fn, **dict(options)}
  return particle.particle_filter(
    params,
    keys,
    tabular.root(keys.shape[0], rows),
    max_steps=tabular.LENGTH,
    **options,
  )


def run(params=None, rows=4, num=RUNS, seed=0, **options):
  params = tabular.table() if params is None else params
  return search(
    params,
    tabular.keys(num, seed),
    rows=rows,
    options=tuple(sorted(options.items())),
  )


@functools.partial(tabular.jit, static_argnames="target")
def search_any(table, seed, potential, scheme, threshold, target="sampler"):
  """Every setting in one program: they are arguments, not constants."""

  def any_potential(rows, step):
    choices = [potentials.POTENTIALS[name] for name in POTENTIALS]
    return jax.lax.switch(potential, choices, rows, step)

  def any_scheme(key, log_weights, num):
    choices = [
      functools.partial(resampling.SCHEMES[name], num=num) for name in SCHEMES
    ]
    return jax.lax.switch(scheme, choices, key, log_weights)

  output = particle.particle_filter(
    table,
    tabular.keys(RUNS, seed),
    tabular.root(RUNS, 4),
    tabular.step_fn,
    max_steps=tabular.LENGTH,
    potential=any_potential,
    resample="ess",
    ess_threshold=threshold,
    scheme=any_scheme,
    target=target,
  )
  return output, tabular.correct(output.embedding)


def unnormalised(output, values):
  """Z-hat and Z-hat * sum_i w_i f_i of each run."""
  evidence = np.exp(np.asarray(output.log_evidence, np.float64))
  weights = np.asarray(jax.nn.softmax(output.log_weight, axis=1))
  return evidence, evidence * (weights * np.asarray(values)).sum(axis=1)


@pytest.mark.parametrize("potential", POTENTIALS)
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("threshold", [2.0, 0.5, 0.0])
def test_evidence_and_estimates_are_unbiased(potential, scheme, threshold):
  index = POTENTIALS.index(potential), SCHEMES.index(scheme)
  output, correct = search_any(tabular.table(), sum(index), *index, threshold)
  normaliser, expectation = GOLDEN[potential]
  evidence, estimate = unnormalised(output, correct)
  reference.assert_mean(evidence, normaliser)
  reference.assert_mean(estimate, normaliser * expectation)


@pytest.mark.parametrize("threshold", [2.0, 0.5, 0.0])
def test_a_flatter_sampler_leaves_the_target_of_the_policy(threshold):
  table = tabular.table(temperature=1.5)
  output, correct = search_any(
    table, 5, LAST, SYSTEMATIC, threshold, target="base"
  )
  normaliser, expectation = GOLDEN["last"]
  evidence, estimate = unnormalised(output, correct)
  reference.assert_mean(evidence, normaliser)
  reference.assert_mean(estimate, normaliser * expectation)


def test_exact_values_as_twists_have_no_variance():
  """q = p V(child) / V(prefix): every weight, so Z-hat, is V(root)."""
  table = tabular.twisted(tabular.table(tabular.value), tabular.value)
  output, correct = search_any(
    table, 0, DIFFERENCE, SYSTEMATIC, 0.5, target="base"
  )
  np.testing.assert_allclose(
    np.exp(output.log_evidence), tabular.value(()), rtol=1e-4
  )
  assert correct.all()


def test_law_of_the_weighted_rows_approaches_the_target():
  """Total variation falls like 1 / N from N = 16 on."""
  target = np.array([s.prob * np.prod(s.scores) for s in tabular.solutions()])
  target /= target.sum()

  def distance(rows, num):
    output = run(
      rows=rows,
      num=num,
      potential=potentials.last,
      resample="always",
      scheme=resampling.multinomial,
    )
    weights = np.asarray(jax.nn.softmax(output.log_weight, axis=1))
    codes = np.asarray(output.embedding["code"])
    law = np.bincount(codes.ravel(), weights.ravel(), minlength=256)
    law = law[tabular.codes()] / num
    return np.abs(law - target).sum() / 2

  small, large = distance(16, 3000), distance(64, 1500)
  assert 0.07 < small < 0.13
  assert large < small / 2.5


def test_low_temperature_is_a_beam_that_keeps_one():
  table, keys = tabular.table(), tabular.keys(500)
  cold = run(
    num=500,
    potential=functools.partial(potentials.odds, tau=1e-4),
    resample="always",
    scheme=resampling.multinomial,
  )
  beam = tabular.jit(
    lambda: beam_lib.step_beam(
      table,
      keys,
      tabular.root(500, 4),
      tabular.step_fn,
      width=1,
      branch=4,
      max_steps=tabular.LENGTH,
    )
  )()
  for name in ("tokens", "done"):
    np.testing.assert_array_equal(cold.embedding[name], beam.embedding[name])
  np.testing.assert_array_equal(cold.chosen, beam.chosen)
  np.testing.assert_array_equal(
    cold.cost.policy_tokens, beam.cost.policy_tokens
  )


@functools.partial(tabular.jit, static_argnames=("num", "rows"))
def plain(table, num, rows):
  return best_of_n.best_of_n(
    table,
    tabular.keys(num),
    tabular.root(num, rows),
    tabular.step_fn,
    max_steps=tabular.LENGTH,
  )


def test_never_resampled_is_soft_best_of_n():
  """Differences telescope: a row's weight is its last score."""
  output = run(
    resample="never", potential=potentials.difference, choose="sample"
  )
  expected = plain(tabular.table(), RUNS, 4)
  np.testing.assert_array_equal(
    output.embedding["tokens"], expected.embedding["tokens"]
  )
  np.testing.assert_array_equal(output.score, expected.score)
  weights = np.exp(np.asarray(output.log_weight))
  np.testing.assert_allclose(weights, expected.score, rtol=1e-4)
  # The row is drawn by weight.
  weights /= weights.sum(axis=1, keepdims=True)
  hits = np.asarray(output.chosen)[:, None] == np.arange(4)
  for row in range(4):
    reference.assert_mean(hits[:, row] - weights[:, row], 0)


@pytest.mark.parametrize("threshold", [0.5, 2.0])
def test_constant_scores_leave_independent_plain_samples(threshold):
  """ESS = N never triggers; systematic draws from equal weights are 1:1."""
  table = tabular.table(lambda prefix: 0.5)
  output, _ = search_any(table, 0, ODDS, SYSTEMATIC, threshold)
  expected = plain(table, RUNS, 4)
  np.testing.assert_array_equal(
    output.embedding["tokens"], expected.embedding["tokens"]
  )
  np.testing.assert_array_equal(
    output.ancestors - np.arange(4), np.zeros(output.ancestors.shape)
  )
  np.testing.assert_array_equal(output.log_evidence, 0)
  np.testing.assert_array_equal(output.log_weight, 0)


def test_constant_scores_with_multinomial_draws_keep_each_rows_law():
  table = tabular.table(lambda prefix: 0.5)
  output, _ = search_any(table, 0, ODDS, MULTINOMIAL, 2.0)
  prob = np.array([s.prob for s in tabular.solutions()])
  codes = np.asarray(output.embedding["code"])
  for row in range(4):
    reference.assert_law(codes[:, row], prob)
  assert (np.asarray(output.ancestors) != np.arange(4)).any()
  np.testing.assert_array_equal(output.log_evidence, 0)


def test_scores_of_one_have_evidence_one():
  table = tabular.table(lambda prefix: 1.0)
  output, _ = search_any(table, 0, LAST, SYSTEMATIC, 2.0)
  np.testing.assert_array_equal(output.log_evidence, 0)


@pytest.mark.parametrize("threshold", [2.0, 0.5, 0.0])
def test_rows_that_all_have_weight_zero(threshold):
  """Uniform fallback, evidence zero as the flag, and nothing is NaN."""
  table = tabular.table(lambda prefix: float(len(prefix) < 2))
  output, _ = search_any(table, 0, LAST, SYSTEMATIC, threshold)
  lost = np.asarray(output.num_steps).min(axis=1) > 1
  assert lost.any()
  assert np.isneginf(np.asarray(output.log_evidence)[lost]).all()
  assert not np.isnan(output.log_weight).any()
  assert not np.isnan(output.ess).any()
  assert output.done.all()


def test_effective_sample_size_is_recorded_for_the_steps_that_ran():
  output, _ = search_any(tabular.table(), 0, LAST, SYSTEMATIC, 0.5)
  ess, depth = np.asarray(output.ess), np.asarray(output.cost.depth)
  ran = np.arange(tabular.LENGTH) < depth[:, None]
  assert ((ess >= 1 - 1e-5) & (ess <= 4 + 1e-5))[ran].all()
  np.testing.assert_array_equal(ess[~ran], 0)
  # Rows move exactly where the size fell below half, but for last steps.
  moved = (np.asarray(output.ancestors) != np.arange(4)).any(axis=2)
  assert moved.any()
  assert (ess[moved] < 2).all()
