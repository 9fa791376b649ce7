"""Configs of particle methods, bound to a model that writes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax import errors
from prm_jax.build import searches
from prm_jax.build.methods import chains, particles
from prm_jax.decode import sampling, scoring, state, step
from prm_jax.search import loop
from tests.decode import runs
from tests.models import tiny

CONFIGS = {
  "particle": particles.ParticleFilter(4),
  "entropic": particles.EntropicParticleFilter(4),
  "fk_steering": particles.FKSteering(4, potential="max"),
  "twisted_smc": particles.TwistedSMC(4),
  "power_smc": particles.PowerSMC(4),
  "particle_gibbs": chains.ParticleGibbs(4, num_groups=2),
  "parallel_tempering": chains.ParallelTempering(4, temperatures=(1.0, 0.1)),
}


def factory(scorer, **changes):
  model, _ = runs.make()
  sampler = sampling.SamplerConfig(**changes)
  return step.StepFactory(model, scorer, sampler, runs.FORMAT)


def root(steps, params):
  return state.root(
    steps.policy,
    params,
    jnp.asarray(runs.PROMPTS),
    jnp.asarray(runs.LENGTHS),
    num_rows=4,
    max_tokens=runs.SLOTS,
    scorer=steps.scorer,
  )


@pytest.mark.parametrize("name", CONFIGS)
def test_searches_are_bound_to_models(name):
  """Traced, not run: what is searched with is tested in tests/search."""
  config = CONFIGS[name]
  assert searches.METHODS[name] is type(config)
  params = {"policy": runs.make()[1]}
  steps = factory(scoring.NoScorer())

  def run(params):
    keys = jax.random.split(jax.random.key(0), 2)
    return config.bind(3, steps)(params, keys, root(steps, params))

  found = jax.eval_shape(run, params)
  assert found.step_scores.shape == (2, 4, 3)
  assert found.embedding.rows.tokens.shape == (2, 4, runs.SLOTS)


def test_what_can_come_from_a_queue():
  """Chains go through all problems again and again."""
  for name, config in CONFIGS.items():
    if name in ("particle_gibbs", "parallel_tempering"):
      with pytest.raises(errors.UserError, match=r"solver\.slots"):
        searches.run_fn(config, 2)
    else:
      assert searches.run_fn(config, 2) is not loop.run


def test_references_of_models_are_scored_like_any_row():
  """Rows of the last sweep, forks of references too: an uncached forward."""
  policy, own = runs.make()
  verifier, other = runs.make(1, value_head="token", use_lm_head=False)
  scorer = scoring.ModelScorer(verifier, chunk=3)
  params = {"policy": own, "verifier": other}
  steps = factory(scorer)
  config = chains.ParticleGibbs(4, iterations=3, resample="always")

  @tiny.jit
  def run(params):
    keys = jax.random.split(jax.random.key(0), 2)
    return config.bind(3, steps)(params, keys, root(steps, params))

  output = jax.device_get(run(params))
  rows = output.embedding.rows
  assert (output.ancestors[:, :, 1:] == 0).any()
  assert (output.cost.policy_tokens > rows.length.sum(axis=1)).all()
  logits = runs.uncached(policy, own, rows).logits
  log_p = np.asarray(jax.nn.log_softmax(logits))
  values = runs.uncached(verifier, other, rows).values
  for b, n in np.ndindex(rows.length.shape):
    length = rows.length[b, n]
    before = runs.LENGTHS[b] - 1 + np.arange(length)
    told = log_p[b, n, before, rows.tokens[b, n, :length]].sum()
    assert output.log_prob[b, n] == pytest.approx(told, abs=1e-3)
    last = values[b, n, runs.LENGTHS[b] - 1 + length]
    score = output.step_scores[b, n, output.num_steps[b, n] - 1]
    assert score == pytest.approx(1 / (1 + np.exp(-last)), abs=1e-4)


@pytest.mark.parametrize("name", [n for n in CONFIGS if n != "power_smc"])
def test_rows_that_are_all_the_same_are_refused(name):
  steps = factory(scoring.NoScorer(), temperature=0.0)
  with pytest.raises(errors.UserError, match=r"sampler\.temperature: 0"):
    CONFIGS[name].bind(3, steps)


@pytest.mark.parametrize(
  ("make", "message"),
  [
    (lambda: particles.ParticleFilter(0), "search.num_rows"),
    (lambda: particles.ParticleFilter(4, tau=0.0), "search.tau: must be pos"),
    (lambda: particles.ParticleFilter(4, ess_threshold=-1.0), "ess_threshold"),
    (lambda: particles.EntropicParticleFilter(4, anneal="no"), "anneal.*'no'"),
    (lambda: particles.FKSteering(4, potential="odds"), "'odds'.*difference"),
    (lambda: particles.FKSteering(4, every=0), "search.every"),
    (lambda: particles.TwistedSMC(4, power=-1.0), "search.power"),
    (lambda: particles.TwistedSMC(4, warm_up=-1), "search.warm_up"),
    (lambda: particles.TwistedSMC(4, max_resamplings=-1), "max_resamplings"),
    (lambda: particles.PowerSMC(4, alpha=0.5), "search.alpha"),
    (lambda: particles.PowerSMC(4, ramp=0), "search.ramp"),
    (lambda: particles.PowerSMC(4, target="base"), "search.target"),
    (lambda: chains.ParticleGibbs(4, iterations=0), "search.iterations"),
    (lambda: chains.ParticleGibbs(4, num_groups=3), "4 is not a multiple"),
    (lambda: chains.ParticleGibbs(4, num_groups=4), "fewer than two"),
    (lambda: chains.ParticleGibbs(4, scheme="residual"), "'residual'"),
    (lambda: chains.ParallelTempering(8, temperatures=()), "temperatures"),
    (lambda: chains.ParallelTempering(8, temperatures=(0.0,)), "temperatures"),
  ],
)
def test_bad_fields(make, message):
  with pytest.raises(errors.UserError, match=message):
    make()
