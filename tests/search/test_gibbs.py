import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax import errors
from prm_jax.search import (
  base,
  conditional,
  gibbs,
  particle,
  potentials,
  resampling,
  snapshots,
)
from tests.search import reference, reference_particles, tabular

RUNS = 5000
# Target p * prod r_t.
NORMALISER = 0.0972768579
KIT = conditional.Kit(tabular.step_fn, base.take, snapshots.WHOLE)


def target():
  return reference_particles.posterior(lambda s: np.prod(s.scores))[1]


def script_of(indices, rows):
  """Row 0 writes these solutions, all others the first one."""
  solutions = tabular.solutions()
  script = np.zeros((len(indices), tabular.LENGTH, rows), np.int32)
  for n, index in enumerate(indices):
    for row in range(rows):
      tokens = solutions[index if row == 0 else 0].tokens
      script[n, : len(tokens), row] = tokens
  return jnp.asarray(script)


def with_reference(table, script):
  """The state of a sweep whose references are what row 0 of a script says."""
  num, rows = script.shape[0], script.shape[2]
  keys = tabular.keys(num)
  kit = KIT._replace(step_fn=tabular.forced_step_fn)
  params = table, script
  state = conditional.start(
    kit, params, keys, tabular.root(num, rows), tabular.LENGTH
  )
  step = conditional.step_fn(kit)
  for _ in range(tabular.LENGTH):
    _, state = step(params, keys, state)
  return conditional.restart(kit, state, jnp.zeros((num, 1), jnp.int32))


@tabular.jit
def sweep(table, script, scheme, threshold):
  """One conditional filter, and its next reference."""
  num, rows = script.shape[0], script.shape[2]
  any_of = lambda schemes: (
    lambda key, log_w, num: jax.lax.switch(
      scheme,
      [functools.partial(schemes[name], num=num) for name in SCHEMES],
      key,
      log_w,
    )
  )
  output = particle.particle_filter(
    table,
    tabular.keys(num, 7),
    with_reference(table, script),
    conditional.step_fn(KIT),
    conditional.take_fn(KIT),
    max_steps=tabular.LENGTH,
    potential=potentials.last,
    ess_threshold=threshold,
    draw=conditional.draw(
      any_of(resampling.SCHEMES), any_of(resampling.CONDITIONAL), rows
    ),
  )
  draw = lambda key, log_w: resampling.multinomial(key, log_w, 1)[0]
  return output, jax.vmap(draw)(tabular.keys(num, 8), output.log_weight)


SCHEMES = list(resampling.CONDITIONAL)
SETTINGS = [(name, 2.0, 2) for name in SCHEMES] + [
  ("stratified", 2.0, 4),
  ("systematic", 0.7, 4),
  ("multinomial", -1.0, 2),
]


@pytest.mark.parametrize(("scheme", "threshold", "rows"), SETTINGS)
def test_a_conditional_sweep_leaves_the_target_invariant(
  scheme, threshold, rows
):
  law = target()
  drawn = np.random.default_rng(1).choice(len(law), 4 * RUNS, p=law)
  output, chosen = sweep(
    tabular.table(), script_of(drawn, rows), SCHEMES.index(scheme), threshold
  )
  codes = np.asarray(output.embedding.embedding["code"])
  np.testing.assert_array_equal(codes[:, 0], tabular.codes()[drawn])
  reference.assert_law(codes[np.arange(len(codes)), chosen], law)
  assert (np.asarray(chosen) != 0).any()


def test_the_evidence_is_bounded_on_both_sides():
  """E log Z-hat below log Z, above it with an exact draw for a reference."""
  law = target()
  drawn = np.random.default_rng(2).choice(len(law), 4 * RUNS, p=law)
  script = script_of(drawn, 4)
  upper, _ = sweep(tabular.table(), script, SCHEMES.index("systematic"), 0.7)
  lower = tabular.jit(
    lambda: (
      particle.particle_filter(
        tabular.table(),
        tabular.keys(RUNS),
        tabular.root(RUNS, 4),
        tabular.step_fn,
        max_steps=tabular.LENGTH,
        potential=potentials.last,
      ).log_evidence
    )
  )()
  above = np.asarray(upper.log_evidence) - np.log(NORMALISER)
  below = np.asarray(lower) - np.log(NORMALISER)
  assert above.mean() > 10 * above.std() / np.sqrt(len(above))
  assert below.mean() < -10 * below.std() / np.sqrt(len(below))
  # 1 / Z-hat is what is unbiased on this side.
  reference.assert_mean(np.exp(-above), 1)


def test_forks_of_a_reference_go_on_from_the_step_at_hand():
  """Rows of one problem share what the table of ancestors says they share."""
  law = target()
  drawn = np.random.default_rng(3).choice(len(law), 4 * RUNS, p=law)
  script = script_of(drawn, 4)
  output, _ = sweep(tabular.table(), script, SCHEMES.index("multinomial"), 2.0)
  output = jax.device_get(output)
  tokens = output.embedding.embedding["tokens"]
  ancestors, steps = output.ancestors, output.num_steps
  forks = 0
  for n in range(500):
    for row in range(1, 4):
      writer, shared = row, 0
      for t in reversed(range(tabular.LENGTH)):
        writer = ancestors[n, t, writer]
        if writer == 0:
          shared = t + 1
          break
      shared = min(shared, steps[n, 0])
      np.testing.assert_array_equal(
        tokens[n, row, :shared], tokens[n, 0, :shared]
      )
      forks += shared > 0
  assert forks > 200
  # What rows say is what plain rows with their texts say.
  lengths = (tokens >= 0).sum(axis=2)
  np.testing.assert_array_equal(lengths, steps)
  np.testing.assert_array_equal(output.done, output.embedding.embedding["done"])
  for n in range(50):
    for row in range(4):
      text = tuple(int(x) for x in tokens[n, row] if x >= 0)
      np.testing.assert_allclose(
        output.step_scores[n, row, : len(text)],
        reference_particles.history(text),
        rtol=1e-5,
      )


OPTIONS = {
  "max_steps": tabular.LENGTH,
  "potential": potentials.last,
  "resample": "always",
}


@functools.partial(tabular.jit, static_argnames="iterations")
def chain(iterations):
  return gibbs.particle_gibbs(
    tabular.table(tokens=(1, 2, 5)),
    tabular.keys(500),
    tabular.root(500, 4),
    tabular.step_fn,
    iterations=iterations,
    scheme="systematic",
    **OPTIONS,
  )


def test_one_iteration_is_the_particle_filter():
  plain = tabular.jit(
    lambda: particle.particle_filter(
      tabular.table(tokens=(1, 2, 5)),
      tabular.keys(500),
      tabular.root(500, 4),
      tabular.step_fn,
      **OPTIONS,
    )
  )()
  jax.tree.map(np.testing.assert_array_equal, chain(1), plain)


def test_chains_find_the_target():
  """One filter of two rows is .3 off; two chains of forty sweeps are not."""
  law = target()

  def references(keys, number, output, rows):
    del keys, number
    code = output.embedding.embedding["code"]
    seen.append(jnp.take_along_axis(code, rows, axis=1))
    return rows

  def observe(output):
    del output
    return seen.pop()

  seen = []
  codes = tabular.jit(
    lambda: (
      gibbs.sweeps(
        tabular.table(),
        tabular.keys(RUNS),
        tabular.root(RUNS, 4),
        KIT,
        iterations=40,
        num_groups=2,
        scheme="systematic",
        exchange=references,
        observe=observe,
        **OPTIONS,
      ).seen
    )
  )()
  codes = np.asarray(codes)  # [iterations, runs, chains]
  for group in range(2):
    frequency = (codes[..., group, None] == tabular.codes()).mean(axis=1)
    distance = np.abs(frequency - law).sum(axis=1) / 2
    assert distance[0] > 0.2
    assert distance[-1] < 0.05


def test_cost_of_a_chain():
  """References cost nothing; what no final row holds is discarded."""
  output = jax.device_get(chain(3))
  written = np.array([1, 2, 5])
  tokens, ancestors = output.embedding["tokens"], output.ancestors
  once = jax.device_get(chain(1)).cost
  assert (output.cost.policy_tokens > once.policy_tokens).all()
  assert (output.cost.policy_tokens < 4 * 4 * 3 * 5).all()
  assert (output.cost.verifier_tokens == output.cost.policy_tokens).all()
  for n in range(500):
    nodes = {}
    for row in range(4):
      writer = row
      for t in reversed(range(tabular.LENGTH)):
        writer = ancestors[n, t, writer]
        if tokens[n, row, t] >= 0:
          nodes[t, writer] = written[tokens[n, row, t]]
    kept = sum(nodes.values())
    assert (
      output.cost.discarded_tokens[n] == output.cost.policy_tokens[n] - kept
    )


def test_bad_input():
  with pytest.raises(errors.UserError, match=r"no conditional .*'residual'"):
    resampling.conditional_by_name("residual")
  with pytest.raises(ValueError, match="iterations must be positive"):
    chain(0)
  with pytest.raises(ValueError, match="no other row"):
    gibbs.particle_gibbs(
      tabular.table(),
      tabular.keys(1),
      tabular.root(1, 2),
      tabular.step_fn,
      num_groups=2,
      max_steps=2,
    )
