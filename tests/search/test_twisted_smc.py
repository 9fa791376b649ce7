import functools
import math

import jax
import numpy as np

from prm_jax.search import particle, resampling, twisted_smc
from tests.search import reference_particles, tabular

RUNS = 5000
VALUE = 0.1702585760  # E[phi] for phi = correct


@functools.partial(tabular.jit, static_argnames="limits")
def search(table, seed, power, threshold, limits=particle.NO_LIMITS):
  return twisted_smc.twisted_smc(
    table,
    tabular.keys(RUNS, seed),
    tabular.root(RUNS, 8),
    tabular.step_fn,
    max_steps=tabular.LENGTH,
    power=power,
    ess_threshold=threshold,
    limits=limits,
    target="base",
  )


def test_the_evidence_is_unbiased_whatever_the_twist():
  """Exact values, their roots, and a verifier that is merely correlated."""

  def learned(prefix):
    if tabular.done(prefix):
      return float(tabular.is_correct(prefix))
    return tabular.prm(prefix)

  for score_fn in (tabular.value, learned):
    for power in (0.25, 0.5, 1.0):
      output = search(tabular.table(score_fn), 1, power, 0.9)
      reference_particles.assert_unbiased(output, VALUE, 1.0)


def test_roots_of_values_save_variance_under_the_policy():
  """Without resampling there are 8 coins that show the value."""
  coins = np.sqrt(VALUE * (1 - VALUE) / 8)
  table = tabular.table(tabular.value)
  spread = lambda threshold: np.std(
    np.exp(search(table, 2, 0.5, threshold).log_evidence)
  )
  assert abs(spread(-1.0) / coins - 1) < 0.05
  assert spread(2.0) < 0.8 * coins


def test_values_as_twists_of_their_own_proposal_have_no_variance():
  table = tabular.twisted(tabular.table(tabular.value), tabular.value)
  for seed in range(2):
    output = search(table, seed, 1.0, 0.5)
    np.testing.assert_allclose(
      np.exp(output.log_evidence), tabular.value(()), rtol=1e-5
    )
    assert tabular.correct(output.embedding).all()


def test_a_twisted_proposal_leaves_the_target():
  """psi = sqrt(r) bends the sampler; phi = r at the end."""
  normaliser, law = reference_particles.posterior(lambda s: s.scores[-1])
  expectation = law @ [s.correct for s in tabular.solutions()]
  table = tabular.twisted(
    tabular.table(), lambda prefix: math.sqrt(tabular.prm(prefix))
  )
  output = search(table, 0, 0.5, 0.9)
  reference_particles.assert_unbiased(output, normaliser, expectation)


def test_warm_up_and_the_cap_on_resamplings():
  for limits in (particle.Limits(warm_up=2), particle.Limits(most=1)):
    output = search(tabular.table(), 3, 0.5, 2.0, limits)
    normaliser, law = reference_particles.posterior(lambda s: s.scores[-1])
    expectation = law @ [s.correct for s in tabular.solutions()]
    reference_particles.assert_unbiased(output, normaliser, expectation)
    moved = (np.asarray(output.ancestors) != np.arange(8)).any(axis=2)
    assert moved.any()
    if limits.most is None:
      assert not moved[:, 0].any()
    else:
      assert moved.sum(axis=1).max() == 1


def test_trace_on_scripted_uniforms():
  method = functools.partial(
    twisted_smc.twisted_smc,
    ess_threshold=0.95,
    limits=particle.Limits(most=1),
    scheme=resampling.stratified,
  )
  output, script = reference_particles.scripted(method)
  reference_particles.assert_trace(
    output,
    script,
    6,
    gain=reference_particles.twist_gain(0.5),
    scheme="stratified",
    threshold=0.95 * 6,
    allowed=lambda step, times: times < 1,
  )


def test_a_terminal_potential_of_the_callers():
  """phi looks into the embedding; the scores are twists and no more."""

  def log_phi(rows, step):
    del rows
    return jax.numpy.log(tabular.correct(step.embedding))

  output = tabular.jit(
    lambda: twisted_smc.twisted_smc(
      tabular.table(),
      tabular.keys(RUNS),
      tabular.root(RUNS, 8),
      tabular.step_fn,
      max_steps=tabular.LENGTH,
      log_phi=log_phi,
    )
  )()
  reference_particles.assert_unbiased(output, VALUE, 1.0)
