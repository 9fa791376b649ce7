import functools

import jax
import jax.numpy as jnp
import numpy as np

from prm_jax.search import (
  ancestors,
  conditional,
  gibbs,
  particle,
  potentials,
  resampling,
)
from tests.search import reference, tabular, test_gibbs

ROWS = 3


def replay_fn(params, embedding, sources, number, active):
  """Step `number` of the sources' tokens, by the model as it is."""
  at = jnp.minimum(number, tabular.LENGTH - 1)[:, None, None]
  token = jnp.take_along_axis(sources["tokens"], at, axis=2)[..., 0]
  active = active & (token >= 0) & (number[:, None] < tabular.LENGTH)
  return tabular.write(params, jnp.maximum(token, 0), embedding, active)


@tabular.jit
def sweep(table, script):
  """One conditional filter with ancestor sampling, and its next reference."""
  num = script.shape[0]
  keys = tabular.keys(num, 7)
  suffixes = ancestors.Suffixes(
    test_gibbs.KIT, replay_fn, table, keys, potentials.last, "base"
  )
  output = particle.particle_filter(
    table,
    keys,
    test_gibbs.with_reference(table, script),
    ancestors.counting(test_gibbs.KIT),
    conditional.take_fn(test_gibbs.KIT, suffixes.graft),
    max_steps=tabular.LENGTH,
    potential=potentials.last,
    target="base",
    resample="always",
    draw=suffixes.draw,
  )
  draw = lambda key, log_w: resampling.multinomial(key, log_w, 1)[0]
  return output, jax.vmap(draw)(tabular.keys(num, 8), output.log_weight)


def run():
  law = test_gibbs.target()
  drawn = np.random.default_rng(4).choice(len(law), 4 * test_gibbs.RUNS, p=law)
  # Another sampler than the policy: suffixes weigh by the policy itself.
  table = tabular.table(temperature=1.5)
  output, chosen = sweep(table, test_gibbs.script_of(drawn, ROWS))
  return law, drawn, jax.device_get(output), np.asarray(chosen)


def test_a_sweep_leaves_the_target_invariant_and_references_move():
  law, drawn, output, chosen = run()
  state = output.embedding
  codes = state.embedding["code"]
  reference.assert_law(codes[np.arange(len(codes)), chosen], law)
  # The reference's own row: another text with another past, the same target.
  changed = codes[:, 0] != tabular.codes()[drawn]
  assert 0.05 < changed.mean() < 0.95
  reference.assert_law(codes[:, 0], law)
  assert (output.ancestors[:, :, 0] != 0).any()
  # What rows are said to be is what they are, grafts too.
  solutions = {tabular.encode(s.tokens): s for s in tabular.solutions()}
  for n in range(300):
    for row in range(ROWS):
      solution = solutions[codes[n, row]]
      length = len(solution.tokens)
      assert output.num_steps[n, row] == length
      assert state.trail.num_steps[n, row] == length
      for scores in (output.step_scores, state.trail.record.score):
        np.testing.assert_allclose(
          scores[n, row, :length], solution.scores, rtol=1e-5
        )
      told = output.log_prob[n, row] + output.log_ratio[n, row]
      np.testing.assert_allclose(told, np.log(solution.prob), atol=1e-4)


@functools.partial(tabular.jit, static_argnames="iterations")
def chain(iterations):
  return ancestors.particle_gibbs_as(
    tabular.table(),
    tabular.keys(1000),
    tabular.root(1000, 2),
    tabular.step_fn,
    replay_fn,
    max_steps=tabular.LENGTH,
    potential=potentials.last,
    resample="always",
    iterations=iterations,
    choose="sample",
  )


def test_chains_reach_the_target_and_pay_for_it():
  law = test_gibbs.target()
  output = jax.device_get(chain(30))
  codes = output.embedding["code"][np.arange(1000), output.chosen]
  frequency = (codes[:, None] == tabular.codes()).mean(axis=0)
  assert np.abs(frequency - law).sum() / 2 < 0.08
  plain = tabular.jit(
    lambda: gibbs.particle_gibbs(
      tabular.table(),
      tabular.keys(1000),
      tabular.root(1000, 2),
      tabular.step_fn,
      max_steps=tabular.LENGTH,
      potential=potentials.last,
      resample="always",
      iterations=30,
    )
  )()
  spent = output.cost.policy_tokens.mean()
  assert spent > 1.5 * np.mean(plain.cost.policy_tokens)
  assert (output.cost.discarded_tokens < output.cost.policy_tokens).all()
