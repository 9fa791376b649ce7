"""Beam search that gives candidates up before their steps are whole."""

from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array

from prm_jax import types
from prm_jax.search import aggregate as aggregate_lib
from prm_jax.search import barriers, base, buffers, lineage, loop, ranking

# Folded into a step's key where rows have moved in mid-step.
REST = loop.SELECTION - 1


def early_rejection(
  params: types.Params,
  rng_keys: types.PRNGKeys,
  root: base.Embedding,
  begin_fn: base.StepFn,
  finish_fn: base.StepFn,
  take_fn: base.TakeFn = base.take,
  *,
  width: int,
  branch: int = 4,
  max_steps: int,
  aggregate: base.AggregateFn = aggregate_lib.last,
  rank: Literal["whole", "partial"] = "whole",
) -> base.SearchOutput:
  """Selects on the score of a step's first tokens (2508.01969).

  All N = width x branch rows begin a step. The best `width` of them, ranked
  as in `step_beam`, are moved into a batch of `width` rows, in which those
  that were cut write the rest of their steps, and are then forked `branch`
  times. The saving is that the rest is written by `width` rows. If no step is
  cut, the search is `step_beam` but for the end: here the rows of the last
  step are selected too, or all of them would have to be finished. So the
  output has `width` solutions; their copies have log_weight -inf.

  Args:
    params: passed on to the step functions.
    rng_keys: [B] one key per problem, consumed.
    root: embedding of the prompts with `width * branch` rows each.
    begin_fn: writes and scores the first tokens of a step, and tells by `cut`
      which rows are not at its end.
    finish_fn: writes and scores the rest.
    take_fn: forks rows of the embedding, also to more or fewer rows.
    width: prefixes kept.
    branch: continuations of each.
    max_steps: T, steps a row may take.
    aggregate: step scores to the score that ranks prefixes and solutions.
    rank: the score of a step that was finished: that of the whole step, or
      that of its beginning.
  """
  population = loop.start(params, rng_keys, root, begin_fn, max_steps)
  shape = population.rows.done.shape
  loop.expect_rows(population, width * branch, "width * branch")
  begin, finish = barriers.whole_step(begin_fn), barriers.whole_step(finish_fn)
  younger = jnp.arange(shape[1]) % branch > 0
  fork = jnp.broadcast_to(
    jnp.repeat(jnp.arange(width, dtype=jnp.int32), branch), shape
  )

  def body(carry):
    population, copies = carry
    begun, step = loop.advance(params, rng_keys, population, begin)
    # The blocks of problems that are over hold copies already.
    selects = jnp.any(step.wrote, axis=1)
    score = aggregate(begun.rows.step_scores, begun.rows.num_steps)
    best = ranking.best(score, width, [copies])
    eldest = ranking.first_of_groups(score, width)
    best = jnp.where(selects[:, None], best, eldest)
    keys = loop.step_keys(rng_keys, step.number)
    output, embedding = finish(
      params,
      _own_keys(keys, best),
      take_fn(begun.embedding, best),
      selects[:, None] & base.take(step.output.cut & step.wrote, best),
    )
    kept = _amend(begun, step, best, output, rank)
    parents = jnp.repeat(best, branch, axis=1)
    population = kept._replace(
      embedding=take_fn(embedding, fork),
      rows=buffers.where(selects, base.take(kept.rows, fork), begun.rows),
      ancestors=buffers.put_step(
        begun.ancestors, step.number, parents, selects
      ),
    )
    over = ~loop.unfinished(population)[:, None]
    idle = younger & (over | population.rows.done)
    return population, jnp.where(selects[:, None], idle, copies)

  population, copies = jax.lax.while_loop(
    lambda carry: jnp.any(loop.unfinished(carry[0])),
    body,
    (population, jnp.zeros(shape, bool)),
  )
  weight = ranking.log_weight(copies, population.rows.last_score)
  return loop.finish(population, aggregate, log_weight=weight)


def _own_keys(keys: Array, best: Array) -> Array:
  """The step's keys, or others for problems whose rows have moved.

  A row that takes another's place must not meet the draws of the other.
  """
  moved = jnp.any(best != lineage.identity(best), axis=1)
  return jnp.where(moved, loop.step_keys(keys, REST), keys)


def _amend(
  begun: loop.Population,
  step: loop.Step,
  best: Array,
  output: base.StepOutput,
  rank: str,
) -> loop.Population:
  """`begun` with its best rows alone, whose step is whole."""
  before = base.take(begun.rows, best)
  wrote = output.num_tokens > 0
  began = base.take(step.wrote, best)
  judged = wrote if rank == "whole" else jnp.zeros_like(wrote)
  score = jnp.where(judged, output.score, before.last_score)
  rows = before._replace(
    step_scores=buffers.put_step(
      before.step_scores,
      step.number,
      jnp.where(began, score, 0),
      jnp.any(began, axis=1),
      2,
    ),
    last_score=score,
    done=before.done | (wrote & output.done),
    log_prob=before.log_prob + jnp.where(wrote, output.log_prob, 0),
    log_ratio=before.log_ratio + jnp.where(wrote, output.log_ratio, 0),
  )
  problem = jnp.arange(best.shape[0])[:, None]
  tokens = jnp.where(step.wrote, step.output.num_tokens, 0)
  tokens = tokens.at[problem, best].add(output.num_tokens)
  return begun._replace(
    rows=rows,
    step_tokens=buffers.put_step(
      begun.step_tokens, step.number, tokens, step.ready
    ),
    cost=begun.cost.after(output, step.ready, step.ready),
  )
