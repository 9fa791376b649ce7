"""The loop all search methods share: they differ only in what they select."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, Int

from prm_jax import types
from prm_jax.search import base, buffers, lineage, ranking

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

  step: Array  # [B] int32 steps taken
  embedding: base.Embedding
  rows: Rows
  ancestors: Array  # [B, T, N] int32
  step_tokens: Array  # [B, T, N] int32 tokens each row wrote in each step
  cost: base.Cost  # `finish` adds what was written in rows that died


class Step(NamedTuple):
  """What a selection may look at besides the rows."""

  number: Array  # [B] int32 which step this is, from 0
  output: base.StepOutput
  wrote: Array  # [B, N] the row was active and wrote this step
  previous_score: Array  # [B, N] score of the prefix before this step
  ready: Array  # [B] the problem has just ended a step
  more: Array  # [B] another step follows; nothing is selected where not
  embedding: base.Embedding  # for functions of the caller's to look into


# `(selection keys [B], rows, step, memory) -> (parents [B, N], memory)`. What
# it says of problems that are not ready is dropped; `memory` leaves are [B,
# ...].
SelectFn: TypeAlias = Callable[[Array, Rows, Step, Any], tuple[Array, Any]]


def step_keys(rng_keys: Array, step: ArrayLike) -> Array:
  """The key of one step of each problem, [B]; `step` is [B] or one number."""
  steps = jnp.broadcast_to(jnp.asarray(step, jnp.uint32), rng_keys.shape)
  return jax.vmap(jax.random.fold_in)(rng_keys, steps)


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
  # A queue has more keys than the root has problems.
  num = jax.tree.leaves(root)[0].shape[0]
  output, _ = jax.eval_shape(step_fn, params, rng_keys[:num], root)
  problems, rows = output.score.shape
  dtype = output.score.dtype
  zeros = jnp.zeros((problems, rows), dtype)
  count = jnp.zeros((problems, rows), jnp.int32)
  own = lineage.identity(zeros)
  return Population(
    step=jnp.zeros(problems, jnp.int32),
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


def expect_rows(population: Population, num_rows: int, meaning: str) -> None:
  """ValueError unless the root has so many rows."""
  found = population.rows.done.shape[1]
  if found != num_rows:
    raise ValueError(f"root has {found} rows, {meaning} is {num_rows}")


def unfinished(population: Population) -> Array:
  """[B] problems that have rows to write and steps to write them in."""
  max_steps = population.ancestors.shape[1]
  return (population.step < max_steps) & ~jnp.all(population.rows.done, axis=1)


def advance(
  params: types.Params,
  rng_keys: Array,
  population: Population,
  step_fn: base.StepFn,
) -> tuple[Population, Step]:
  """Writes in every unfinished row and records the steps that have ended."""
  before, index = population.rows, population.step
  going = unfinished(population)
  output, embedding = step_fn(
    params,
    step_keys(rng_keys, index),
    population.embedding,
    jnp.broadcast_to(going[:, None], before.done.shape),
  )
  ready = going & output.ready
  # The embedding may hold rows that were done at the root: they write nothing.
  wrote = ready[:, None] & ~before.done & (output.num_tokens > 0)
  rows = _record(before, output, wrote, ready, index)
  tokens = jnp.where(wrote, output.num_tokens, 0)
  population = population._replace(
    step=index + ready,
    embedding=embedding,
    rows=rows,
    step_tokens=buffers.put_step(
      population.step_tokens, index, tokens, ready, 1
    ),
    cost=population.cost.after(output, going, ready),
  )
  more = ready & unfinished(population)
  return population, Step(
    number=index,
    output=output,
    wrote=wrote,
    previous_score=before.last_score,
    ready=ready,
    more=more,
    embedding=embedding,
  )


def _record(
  before: Rows,
  output: base.StepOutput,
  wrote: Array,
  ready: Array,
  index: Array,
) -> Rows:
  """The rows after a step."""
  score = jnp.where(wrote, output.score, 0)
  return Rows(
    step_scores=buffers.put_step(before.step_scores, index, score, ready, 2),
    num_steps=before.num_steps + wrote,
    last_score=jnp.where(wrote, output.score, before.last_score),
    done=before.done | (ready[:, None] & output.done),
    log_prob=before.log_prob + jnp.where(wrote, output.log_prob, 0),
    log_ratio=before.log_ratio + jnp.where(wrote, output.log_ratio, 0),
  )


def regroup(
  population: Population,
  parents: Int[Array, "B N"],
  take_fn: base.TakeFn,
  step: Step,
) -> Population:
  """Replaces row `n` by a copy of row `parents[n]`, after a step."""
  return population._replace(
    embedding=take_fn(population.embedding, parents),
    rows=base.take(population.rows, parents),
    ancestors=buffers.put_step(
      population.ancestors, step.number, parents, step.ready
    ),
  )


@runtime_checkable
class RunFn(Protocol):
  """Takes a population to its end: `run`, or `queue.make_run`'s."""

  def __call__(
    self,
    params: types.Params,
    rng_keys: Array,
    population: Population,
    step_fn: base.StepFn,
    take_fn: base.TakeFn = base.take,
    select_fn: SelectFn | None = None,
    memory: Any = None,
  ) -> tuple[Population, Any]:
    """The population at its end, and the method's memory."""
    ...


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
  return jax.lax.while_loop(
    lambda carry: jnp.any(unfinished(carry[0])),
    lambda carry: turn(
      params, rng_keys, carry[0], step_fn, take_fn, select_fn, carry[1]
    ),
    (population, memory),
  )


def turn(
  params: types.Params,
  rng_keys: Array,
  population: Population,
  step_fn: base.StepFn,
  take_fn: base.TakeFn,
  select_fn: SelectFn | None,
  memory: Any,
) -> tuple[Population, Any]:
  """One call of the step function and the selection behind it."""
  keys = selection_keys(rng_keys, population.step)
  population, step = advance(params, rng_keys, population, step_fn)
  if select_fn is None:
    return population, memory
  parents, new = select_fn(keys, population.rows, step, memory)
  parents = jnp.where(step.more[:, None], parents, lineage.identity(parents))
  population = regroup(population, parents, take_fn, step)
  return population, buffers.where(step.ready, new, memory)


def selection_keys(rng_keys: Array, step: ArrayLike) -> Array:
  """The key of the selection behind one step of each problem, [B]."""
  return step_keys(step_keys(rng_keys, step), SELECTION)


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
  lost = lineage.discarded_tokens(population.ancestors, population.step_tokens)
  zeros = jnp.zeros_like(score)
  return base.SearchOutput(
    embedding=population.embedding,
    step_scores=rows.step_scores,
    num_steps=rows.num_steps,
    score=score,
    chosen=ranking.best(score, 1)[:, 0],
    log_weight=zeros if log_weight is None else log_weight,
    log_evidence=zeros[:, 0] if log_evidence is None else log_evidence,
    ess=jnp.zeros_like(rows.step_scores[:, 0]) if ess is None else ess,
    ancestors=population.ancestors,
    done=rows.done,
    log_prob=rows.log_prob,
    log_ratio=rows.log_ratio,
    cost=cost._replace(discarded_tokens=cost.discarded_tokens + lost),
  )
