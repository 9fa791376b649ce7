"""The loop all search methods share: they differ only in what they select."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, Int

from prm_jax import types
from prm_jax.search import base

# Folded into a step's key for its selection; no row has this index.
SELECTION = 2**31 - 1


class Rows(NamedTuple):
  """What search knows of each row; forked together with the embedding."""

  step_scores: Array  # [B, N, T] score after each step, 0 where none
  num_steps: Array  # [B, N] int32 steps written
  last_score: Array  # [B, N] score of the prefix as it stands
  done: Array  # [B, N] bool
  log_prob: Array  # [B, N] log q of all steps
  log_ratio: Array  # [B, N] log p - log q of all steps


class Population(NamedTuple):
  """The carry of a search: the rows as they stand, and what happened so far.

  `ancestors[b, t, n]` is the row that wrote step `t` of the row that is at
  `n` after the selection behind step `t`: the identity where nothing was
  selected and for steps that were not written.
  """

  step: Array  # [] int32 steps taken
  embedding: base.Embedding
  rows: Rows
  ancestors: Array  # [B, T, N] int32
  step_tokens: Array  # [B, T, N] int32 tokens each row wrote in each step
  cost: base.Cost  # discarded_tokens is filled in by `finish`


class Step(NamedTuple):
  """What a selection may look at besides the rows."""

  output: base.StepOutput
  wrote: Array  # [B, N] the row was active and wrote this step
  previous_score: Array  # [B, N] score of the prefix before this step
  more: Array  # [B] another step follows; nothing is selected where not


# `(selection keys [B], rows, step, memory) -> (parents [B, N], memory)`.
SelectFn: TypeAlias = Callable[[Array, Rows, Step, Any], tuple[Array, Any]]


def identity(like: Array) -> Int[Array, "B N"]:
  """Parents that leave every row where it is; `like` is [B, N]."""
  rows = jnp.arange(like.shape[1], dtype=jnp.int32)
  return jnp.broadcast_to(rows, like.shape)


def step_keys(rng_keys: Array, step: Array) -> Array:
  """The key of one step of each problem, [B]."""
  return jax.vmap(jax.random.fold_in, in_axes=(0, None))(rng_keys, step)


def start(
  params: types.Params,
  rng_keys: Array,
  root: base.Embedding,
  step_fn: base.StepFn,
  max_steps: int,
  root_score: ArrayLike = 0.0,
) -> Population:
  """Empty buffers around `root`, whose rows are counted through `step_fn`."""
  if max_steps < 1:
    raise ValueError(f"max_steps must be positive, got {max_steps}")
  output, _ = jax.eval_shape(step_fn, params, rng_keys, root)
  problems, rows = output.score.shape
  dtype = output.score.dtype
  zeros = jnp.zeros((problems, rows), dtype)
  count = jnp.zeros((problems, rows), jnp.int32)
  own = identity(zeros)
  return Population(
    step=jnp.int32(0),
    embedding=root,
    rows=Rows(
      step_scores=jnp.zeros((problems, rows, max_steps), dtype),
      num_steps=count,
      last_score=zeros + jnp.asarray(root_score, dtype),
      done=jnp.zeros((problems, rows), bool),
      log_prob=jnp.zeros_like(zeros, dtype=output.log_prob.dtype),
      log_ratio=jnp.zeros_like(zeros, dtype=output.log_ratio.dtype),
    ),
    ancestors=jnp.repeat(own[:, None], max_steps, axis=1),
    step_tokens=jnp.repeat(count[:, None], max_steps, axis=1),
    cost=base.Cost(
      *(jnp.zeros(problems, jnp.int32) for _ in base.Cost._fields)
    ),
  )


def advance(
  params: types.Params,
  rng_keys: Array,
  population: Population,
  step_fn: base.StepFn,
) -> tuple[Population, Step]:
  """Writes one step in every unfinished row and records it."""
  before, index = population.rows, population.step
  output, embedding = step_fn(
    params, step_keys(rng_keys, index), population.embedding
  )
  # The embedding may hold rows that were done at the root: they write nothing.
  wrote = ~before.done & (output.num_tokens > 0)
  score = jnp.where(wrote, output.score, before.last_score)
  done = before.done | output.done
  rows = Rows(
    step_scores=before.step_scores.at[:, :, index].set(
      jnp.where(wrote, output.score, 0)
    ),
    num_steps=before.num_steps + wrote,
    last_score=score,
    done=done,
    log_prob=before.log_prob + jnp.where(wrote, output.log_prob, 0),
    log_ratio=before.log_ratio + jnp.where(wrote, output.log_ratio, 0),
  )
  # A problem that is over costs nothing while its neighbours go on.
  ran = ~jnp.all(before.done, axis=1)
  tokens = jnp.where(wrote, output.num_tokens, 0)
  iterations = jnp.where(ran, output.iterations, 0)
  cost = population.cost
  population = population._replace(
    step=index + 1,
    embedding=embedding,
    rows=rows,
    step_tokens=population.step_tokens.at[:, index].set(tokens),
    cost=cost._replace(
      policy_tokens=cost.policy_tokens + jnp.sum(tokens, axis=1),
      verifier_tokens=cost.verifier_tokens
      + jnp.where(ran, jnp.sum(output.verifier_tokens, axis=1), 0),
      slots=cost.slots + iterations * done.shape[1],
      depth=cost.depth + iterations,
    ),
  )
  max_steps = before.step_scores.shape[2]
  more = ~jnp.all(done, axis=1) & (index + 1 < max_steps)
  return population, Step(output, wrote, before.last_score, more)


def regroup(
  population: Population,
  parents: Int[Array, "B N"],
  take_fn: base.TakeFn,
) -> Population:
  """Replaces row `n` by a copy of row `parents[n]`, after a step."""
  return population._replace(
    embedding=take_fn(population.embedding, parents),
    rows=base.take(population.rows, parents),
    ancestors=population.ancestors.at[:, population.step - 1].set(parents),
  )


def when_moved(take_fn: base.TakeFn) -> base.TakeFn:
  """`take_fn`, skipped when no row of any problem moves.

  For selections that mostly leave rows alone. One that moves rows at every
  step is better off without: the branch copies the cache once more (XLA on
  CPU, 128 MB per step: nothing moves 2 ms instead of 10; all move 27 not 10).
  """

  def take(embedding: base.Embedding, parents: Array) -> base.Embedding:
    return jax.lax.cond(
      jnp.any(parents != identity(parents)),
      take_fn,
      lambda embedding, _: embedding,
      embedding,
      parents,
    )

  return take


def run(
  params: types.Params,
  rng_keys: Array,
  population: Population,
  step_fn: base.StepFn,
  take_fn: base.TakeFn = base.take,
  select_fn: SelectFn | None = None,
  memory: Any = None,
) -> tuple[Population, Any]:
  """Steps and selections until all rows are done or the budget is spent.

  Nothing is selected after a problem's last step. Without `select_fn` rows
  never move. `memory` is the method's own part of the carry.
  """
  max_steps = population.ancestors.shape[1]

  def unfinished(carry):
    population, _ = carry
    active = ~jnp.all(population.rows.done)
    return (population.step < max_steps) & active

  def body(carry):
    population, memory = carry
    keys = selection_keys(rng_keys, population.step)
    population, step = advance(params, rng_keys, population, step_fn)
    if select_fn is not None:
      parents, memory = select_fn(keys, population.rows, step, memory)
      parents = jnp.where(step.more[:, None], parents, identity(parents))
      population = regroup(population, parents, take_fn)
    return population, memory

  return jax.lax.while_loop(unfinished, body, (population, memory))


def selection_keys(rng_keys: Array, step: Array | int) -> Array:
  """The key of the selection behind one step of each problem, [B]."""
  keys = step_keys(rng_keys, jnp.asarray(step, jnp.uint32))
  return step_keys(keys, jnp.uint32(SELECTION))


def discarded_tokens(
  ancestors: Int[Array, "B T N"], step_tokens: Int[Array, "B T N"]
) -> Int[Array, "B"]:
  """Tokens written in (step, row) nodes from which no final row descends."""

  def back(writers, step):
    parents, tokens = step
    writers = jnp.take_along_axis(parents, writers, axis=1)
    problem = jnp.arange(writers.shape[0])[:, None]
    kept = jnp.zeros(tokens.shape, bool).at[problem, writers].set(True)
    return writers, jnp.sum(jnp.where(kept, 0, tokens), axis=1)

  steps = jax.tree.map(
    lambda x: jnp.moveaxis(x, 1, 0), (ancestors, step_tokens)
  )
  _, lost = jax.lax.scan(back, identity(ancestors[:, 0]), steps, reverse=True)
  return jnp.sum(lost, axis=0)


def finish(
  population: Population,
  aggregate: base.AggregateFn,
  *,
  log_weight: Float[Array, "B N"] | None = None,
  log_evidence: Float[Array, "B"] | None = None,
  ess: Float[Array, "B T"] | None = None,
) -> base.SearchOutput:
  """Scores the final rows and chooses the best, the lowest index of equals."""
  rows, cost = population.rows, population.cost
  score = aggregate(rows.step_scores, rows.num_steps)
  lost = discarded_tokens(population.ancestors, population.step_tokens)
  zeros = jnp.zeros_like(score)
  return base.SearchOutput(
    embedding=population.embedding,
    step_scores=rows.step_scores,
    num_steps=rows.num_steps,
    score=score,
    chosen=jnp.argmax(score, axis=1).astype(jnp.int32),
    log_weight=zeros if log_weight is None else log_weight,
    log_evidence=zeros[:, 0] if log_evidence is None else log_evidence,
    ess=jnp.zeros_like(rows.step_scores[:, 0]) if ess is None else ess,
    ancestors=population.ancestors,
    done=rows.done,
    log_prob=rows.log_prob,
    log_ratio=rows.log_ratio,
    cost=cost._replace(discarded_tokens=lost),
  )
