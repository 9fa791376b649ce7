"""Step-level beam search."""

from typing import Literal

import jax.numpy as jnp

from prm_jax import types
from prm_jax.search import aggregate as aggregate_lib
from prm_jax.search import base, loop, ranking


def step_beam(
  params: types.Params,
  rng_keys: types.PRNGKeys,
  root: base.Embedding,
  step_fn: base.StepFn,
  take_fn: base.TakeFn = base.take,
  *,
  width: int,
  branch: int,
  max_steps: int,
  aggregate: base.AggregateFn = aggregate_lib.last,
  finished: Literal["compete", "stay"] = "compete",
  same_fn: ranking.SameFn | None = None,
  run: loop.RunFn = loop.run,
) -> base.SearchOutput:
  """Keeps the `width` best prefixes after each step (2408.03314, 2311.09724).

  All N = width x branch rows write each step, the first one included. Then
  the best `width` of them, ties to the lowest index, are forked `branch`
  times each, the children of the best first. Nothing is selected after the
  last step. In the terms of arXiv 2311.09724: b = width, K = N; in those of
  arXiv 2408.03314: N beams of width M = branch.

  A finished row stays a candidate with its score, but as one candidate: the
  copies of it that forking makes rank behind all others, or a single early
  finisher would fill the beam. They have log_weight -inf in the output.

  Args:
    params: passed on to `step_fn`.
    rng_keys: [B] one key per problem, consumed.
    root: embedding of the prompts with `width * branch` rows each.
    step_fn: writes and scores one step of every row.
    take_fn: forks rows of the embedding.
    width: prefixes kept.
    branch: continuations of each kept prefix.
    max_steps: T, steps a row may take.
    aggregate: step scores to the score that ranks prefixes and solutions.
    finished: a finished row competes for its place at every step, or stays
      once it was among the best, so that the beam shrinks (2405.03553).
    same_fn: rows that say what another row says rank behind those that do
      not, so that a beam holds different texts while there are enough.
    run: takes the population to its end, see `queue`.
  """
  population = loop.start(params, rng_keys, root, step_fn, max_steps)
  shape = population.rows.done.shape
  loop.expect_rows(population, width * branch, "width * branch")
  younger = jnp.arange(shape[1]) % branch > 0

  def select(keys, rows, step, copies):
    del keys  # the beam is deterministic
    behind = [copies]
    if finished == "stay":
      behind.append(step.wrote | ~rows.done)
    if same_fn is not None:
      behind.append(ranking.repeated(same_fn(step.embedding), copies))
    score = aggregate(rows.step_scores, rows.num_steps)
    best = ranking.best(score, width, behind)
    parents = jnp.repeat(best, branch, axis=1)
    ended = jnp.take_along_axis(rows.done, parents, axis=1)
    copies = jnp.where(step.more[:, None], ended & younger, copies)
    return parents, copies

  population, copies = run(
    params,
    rng_keys,
    population,
    step_fn,
    take_fn,
    select,
    jnp.zeros(shape, bool),
  )
  score = population.rows.last_score
  return loop.finish(
    population,
    aggregate,
    log_weight=jnp.where(copies, -jnp.inf, jnp.zeros_like(score)),
  )
