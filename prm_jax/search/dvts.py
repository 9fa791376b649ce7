"""Diverse verifier tree search."""

import jax.numpy as jnp

from prm_jax import types
from prm_jax.search import aggregate as aggregate_lib
from prm_jax.search import base, lineage, loop, ranking


def dvts(
  params: types.Params,
  rng_keys: types.PRNGKeys,
  root: base.Embedding,
  step_fn: base.StepFn,
  take_fn: base.TakeFn = base.take,
  *,
  num_groups: int,
  branch: int = 4,
  max_steps: int,
  aggregate: base.AggregateFn = aggregate_lib.last,
  run: loop.RunFn = loop.run,
) -> base.SearchOutput:
  """Greedy step searches side by side, none taking another's rows.

  "Scaling test-time compute with open models" (Hugging Face, 2024). The rows
  are `num_groups` blocks of `branch` neighbours; after each step the best row
  of a block, ties to the lowest index, is the parent of the whole block.
  When the best row is finished its block stops: the rows that finished in the
  same step or before stay as further solutions, the others, which are no
  solutions, become copies of the best with log_weight -inf. Nothing is
  selected after the last step, so the candidates of the last step are all in
  the output. One group is greedy step search: `step_beam` with width 1.

  Args:
    params: passed on to `step_fn`.
    rng_keys: [B] one key per problem, consumed.
    root: embedding of the prompts with `num_groups * branch` rows each.
    step_fn: writes and scores one step of every row.
    take_fn: forks rows of the embedding.
    num_groups: independent subtrees.
    branch: M, candidates of each.
    max_steps: T, steps a row may take.
    aggregate: step scores to the score that ranks candidates and solutions.
    run: takes the population to its end, see `queue`.
  """
  population = loop.start(params, rng_keys, root, step_fn, max_steps)
  shape = population.rows.done.shape
  loop.expect_rows(population, num_groups * branch, "num_groups * branch")

  def select(keys, rows, step, copies):
    del keys  # deterministic
    score = aggregate(rows.step_scores, rows.num_steps)
    best = ranking.best_of_groups(score, num_groups, [copies])
    parents = jnp.repeat(best, branch, axis=1)
    stopped = jnp.take_along_axis(rows.done, parents, axis=1)
    stays = stopped & rows.done & ~copies
    copies = jnp.where(step.more[:, None], stopped & ~stays, copies)
    return jnp.where(stays, lineage.identity(parents), parents), copies

  population, copies = run(
    params,
    rng_keys,
    population,
    step_fn,
    take_fn,
    select,
    jnp.zeros(shape, bool),
  )
  return loop.finish(
    population,
    aggregate,
    log_weight=ranking.log_weight(copies, population.rows.last_score),
  )
