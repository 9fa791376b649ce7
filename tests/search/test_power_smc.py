import functools

import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.search import particle, potentials, power_smc, resampling
from tests.search import reference, reference_particles, tabular

RUNS = 5000
# Target p^2.
NORMALISER, EXPECTATION = 0.2650148712, 0.0645344404


@functools.partial(tabular.jit, static_argnames=("rows", "num"))
def search(table, seed, ramp, threshold, rows=4, num=RUNS):
  return particle.particle_filter(
    table,
    tabular.keys(num, seed),
    tabular.root(num, rows),
    tabular.step_fn,
    max_steps=tabular.LENGTH,
    potential=functools.partial(power_smc.power, alpha=2.0, ramp=ramp),
    final=functools.partial(power_smc.unfinished_ramp, alpha=2.0, ramp=ramp),
    ess_threshold=threshold,
    choose="sample",
  )


@pytest.mark.parametrize("ramp", [1.0, 2.0, 4.0, 6.0])
@pytest.mark.parametrize("threshold", [2.0, 0.5])
def test_the_evidence_is_unbiased_on_any_ramp(ramp, threshold):
  output = search(tabular.table(temperature=0.5), 0, ramp, threshold)
  reference_particles.assert_unbiased(output, NORMALISER, EXPECTATION)


def test_the_sampler_does_not_matter():
  output = search(tabular.table(temperature=1.0), 0, 3.0, 0.5)
  reference_particles.assert_unbiased(output, NORMALISER, EXPECTATION)


def test_the_drawn_row_follows_the_sharpened_law():
  """Local sharpening is another law, 0.27 away."""
  _, law = reference_particles.posterior(lambda s: s.prob)
  output = search(tabular.table(temperature=0.5), 0, 1.0, 0.5, 64, 2000)
  codes = np.asarray(output.embedding["code"])
  weights = np.asarray(output.log_weight)
  weights = np.exp(weights - weights.max(axis=1, keepdims=True))
  weights /= weights.sum(axis=1, keepdims=True)
  masses = np.bincount(codes.ravel(), weights.ravel(), minlength=256)
  found = masses[tabular.codes()] / 2000
  assert np.abs(found - law).sum() / 2 < 0.015
  chosen = np.take_along_axis(codes, np.asarray(output.chosen)[:, None], 1)
  drawn = (chosen == tabular.codes()).mean(axis=0)
  assert np.abs(drawn - law).sum() / 2 < 0.05
  local = np.asarray(tabular.table(temperature=0.5).log_q)
  cold = [
    np.prod(
      [
        np.exp(local[tabular.encode(s.tokens[:i]), s.tokens[i]])
        for i in range(len(s.tokens))
      ]
    )
    for s in tabular.solutions()
  ]
  assert 0.26 < np.abs(cold - law).sum() / 2 < 0.28


def expert(prefix):
  """Another policy of the same tokens."""
  weights = 1 + np.cos(np.arange(3) * 2 + tabular.encode(prefix))
  return weights / weights.sum()


@pytest.mark.parametrize("powers", [(0.5, 0.5), (2.0, 0.0), (1.5, -0.5)])
def test_products_of_experts_by_the_sums_their_samplers_divide_by(powers):
  """f = p^a p'^b token by token, q = f / sum f; (1.5, -0.5) is guidance."""
  table = tabular.table()
  log_f = np.zeros(table.log_p.shape)
  for prefix in tabular.prefixes():
    both = np.log(tabular.policy(prefix)), np.log(expert(prefix))
    log_f[tabular.encode(prefix)] = powers[0] * both[0] + powers[1] * both[1]
  log_q = log_f - np.logaddexp.reduce(log_f, axis=1, keepdims=True)
  table = table._replace(
    log_p=jnp.asarray(log_f, jnp.float32), log_q=jnp.asarray(log_q, jnp.float32)
  )

  def weight(solution):
    heads = [solution.tokens[:i] for i in range(len(solution.tokens))]
    return np.prod(
      [
        np.exp(log_f[tabular.encode(head), token]) / tabular.policy(head)[token]
        for head, token in zip(heads, solution.tokens, strict=True)
      ]
    )

  normaliser, law = reference_particles.posterior(weight)
  output = corrected(table)
  reference_particles.assert_unbiased(
    output, normaliser, law @ [s.correct for s in tabular.solutions()]
  )


@tabular.jit
def corrected(table):
  return particle.particle_filter(
    table,
    tabular.keys(RUNS),
    tabular.root(RUNS, 8),
    tabular.step_fn,
    max_steps=tabular.LENGTH,
    potential=potentials.unit,
    target="base",
    scheme=resampling.residual,
  )


def test_trace_on_scripted_uniforms():
  """The weights of the paper's listing, bridge and final term included."""
  ramp, alpha, rows = 3, 2.0, 6
  method = functools.partial(
    power_smc.power_smc, alpha=alpha, ramp=ramp, resample="never"
  )
  output, script = reference_particles.scripted(method, rows)
  for n, uniforms in enumerate(script):
    texts, log_p = [()] * rows, np.zeros(rows)
    weights, exponent = np.zeros(rows), 1.0
    for t, drawn in enumerate(uniforms):
      if all(map(tabular.done, texts)):
        break
      new = 1 + (alpha - 1) * min(1, (t + 1) / ramp)
      for i, text in enumerate(texts):
        weights[i] += (new - exponent) * log_p[i]
        if not tabular.done(text):
          texts[i] = reference.extend(text, drawn[i])
          gain = np.log(tabular.policy(text)[texts[i][-1]])
          weights[i] += new * gain - gain
          log_p[i] += gain
      exponent = new
    weights += (alpha - exponent) * log_p
    np.testing.assert_allclose(output.log_weight[n], weights, atol=1e-4)


@pytest.mark.parametrize(
  ("options", "match"), [({"ramp": 0.5}, "ramp"), ({"target": "base"}, "twice")]
)
def test_mistakes_of_callers(options, match):
  with pytest.raises(ValueError, match=match):
    power_smc.power_smc(
      tabular.table(),
      tabular.keys(1),
      tabular.root(1, 2),
      tabular.step_fn,
      max_steps=4,
      **options,
    )
