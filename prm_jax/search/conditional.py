"""Conditional filters: the first row of every group is a given solution.

The reference is not written again. Its row holds the whole solution all the
time and writes nothing; what it would have said is told from a record. A row
that is forked from it is brought back to the step at hand, so a reference
costs an idle row, no tokens, and T marks per row (`snapshots`).
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array

from prm_jax import types
from prm_jax.search import base, buffers, lineage, loop, particle, resampling
from prm_jax.search import snapshots as snapshots_lib


class Record(NamedTuple):
  """What rows said of each of their steps; all [B, N, T]."""

  score: Array
  log_prob: Array
  log_ratio: Array
  num_tokens: Array


class Trail(NamedTuple):
  """The past of the rows, and of references the future."""

  record: Record
  marks: Any  # leaves [B, N, T + 1, ...]: after that many steps
  num_steps: Array  # [B, N] int32
  done: Array  # [B, N]


class State(NamedTuple):
  """The embedding of a conditional filter."""

  embedding: base.Embedding
  trail: Trail
  kept: Array  # [B, N] bool: the row is a reference
  number: Array  # [B] int32 steps taken in this sweep
  told: Array  # [B] int32 tokens of references that were not written again
  replayed: Array  # [B] int32 tokens of grafted suffixes, see `ancestors`
  origin: Array  # [B, N] int32 places of the rows before the last fork
  memo: Any = None  # a method's own [B, ...] leaves; zero before a sweep


# `(state, its rows taken by parents, parents) -> state`.
GraftFn: TypeAlias = Callable[[State, State, Array], State]


class Kit(NamedTuple):
  """What a conditional filter needs of its embedding."""

  step_fn: base.StepFn
  take_fn: base.TakeFn
  snapshots: snapshots_lib.Snapshots


def start(
  kit: Kit,
  params: types.Params,
  rng_keys: Array,
  root: base.Embedding,
  max_steps: int,
  memo: Any = None,
) -> State:
  """No reference yet: every row is free."""
  output, _ = jax.eval_shape(kit.step_fn, params, rng_keys, root)
  empty = lambda x: jnp.zeros((*x.shape, max_steps), x.dtype)

  def marks(leaf):
    later = jnp.zeros((*leaf.shape[:2], max_steps, *leaf.shape[2:]), leaf.dtype)
    return jnp.concatenate([leaf[:, :, None], later], axis=2)

  none = jnp.zeros(output.score.shape, bool)
  count = jnp.zeros(output.score.shape[:1], jnp.int32)
  return State(
    embedding=root,
    trail=Trail(
      record=Record(*(empty(getattr(output, x)) for x in Record._fields)),
      marks=jax.tree.map(marks, kit.snapshots.mark(root)),
      num_steps=none.astype(jnp.int32),
      done=none,
    ),
    kept=none,
    number=count,
    told=count,
    replayed=count,
    origin=lineage.identity(none),
    memo=memo,
  )


def restart(kit: Kit, state: State, references: Array) -> State:
  """The next sweep: row `references[b, g]` is kept by group g, others begin."""
  size = state.kept.shape[1] // references.shape[1]
  parents = jnp.repeat(references, size, axis=1)
  trail = base.take(state.trail, parents)
  kept = jnp.broadcast_to(
    jnp.arange(parents.shape[1]) % size == 0, parents.shape
  )
  taken = state._replace(
    embedding=kit.take_fn(state.embedding, parents),
    trail=trail,
    kept=kept,
    number=jnp.zeros_like(state.number),
    origin=lineage.identity(kept),
    memo=jax.tree.map(jnp.zeros_like, state.memo),
  )
  return rewind(kit, taken, ~kept)


def step_fn(kit: Kit) -> base.StepFn:
  """Free rows write, references say what the record has of them."""

  def step(
    params: types.Params,
    rng_keys: Array,
    state: State,
    active: Array | None = None,
    /,
  ) -> tuple[base.StepOutput, State]:
    trail, kept = state.trail, state.kept
    if active is None:
      active = jnp.ones(kept.shape, bool)
    output, embedding = kit.step_fn(
      params, rng_keys, state.embedding, active & ~kept
    )
    ready = output.ready & jnp.any(active, axis=1)
    told = kept & active & (state.number[:, None] < trail.num_steps)
    output = _tell(output, trail, state.number, kept, told)
    wrote = ready[:, None] & active & ~kept & (output.num_tokens > 0)
    state = state._replace(
      embedding=embedding,
      trail=extend(
        kit, trail, embedding, output, state.number, ready[:, None] & ~kept
      )._replace(num_steps=trail.num_steps + wrote),
      number=state.number + ready,
      origin=jnp.where(ready[:, None], lineage.identity(kept), state.origin),
      told=state.told
      + jnp.where(
        ready, jnp.sum(jnp.where(told, output.num_tokens, 0), axis=1), 0
      ),
    )
    return output, state

  return step


def _tell(
  output: base.StepOutput,
  trail: Trail,
  number: Array,
  kept: Array,
  told: Array,
) -> base.StepOutput:
  """The references' part of an output."""
  last = trail.record.score.shape[2] - 1
  at = jnp.broadcast_to(
    jnp.minimum(number, last)[:, None, None], (*kept.shape, 1)
  )
  said = {
    name: jnp.where(told, jnp.take_along_axis(entry, at, axis=2)[..., 0], 0)
    for name, entry in trail.record._asdict().items()
  }
  said |= {
    "verifier_tokens": jnp.zeros_like(output.verifier_tokens),
    "done": trail.done & (number[:, None] + 1 >= trail.num_steps),
    "cut": jnp.zeros_like(output.cut),
  }
  return output._replace(
    **{
      name: jnp.where(kept, value, getattr(output, name))
      for name, value in said.items()
    }
  )


def extend(
  kit: Kit,
  trail: Trail,
  embedding: base.Embedding,
  output: base.StepOutput,
  number: Array,
  rows: Array,
) -> Trail:
  """Enters step `number` of the given rows [B, N]; `num_steps` is not ours."""

  def enter(trace, index, entry):
    ready = jnp.ones(index.shape, bool)
    new = buffers.put_step(trace, index, entry, ready, axis=2)
    return buffers.where(rows, new, trace)

  return trail._replace(
    record=Record(
      *(
        enter(entry, number, getattr(output, name))
        for name, entry in trail.record._asdict().items()
      )
    ),
    marks=jax.tree.map(
      lambda trace, mark: enter(trace, number + 1, mark),
      trail.marks,
      kit.snapshots.mark(embedding),
    ),
    done=jnp.where(rows, output.done, trail.done),
  )


def take_fn(kit: Kit, graft: GraftFn | None = None) -> base.TakeFn:
  """Forks rows; those of a reference go on from the step at hand."""

  def take(state: State, parents: Array) -> State:
    moved = parents != lineage.identity(parents)
    forked = jnp.take_along_axis(state.kept, parents, axis=1) & moved
    taken = state._replace(
      embedding=kit.take_fn(state.embedding, parents),
      trail=base.take(state.trail, parents),
      origin=jnp.take_along_axis(state.origin, parents, axis=1),
    )
    taken = rewind(kit, taken, forked)
    return taken if graft is None else graft(state, taken, parents)

  return take


def rewind(kit: Kit, state: State, rows: Array) -> State:
  """Rows [B, N] as they were after the steps of this sweep."""
  number = state.number[:, None]
  trail = state.trail
  rows = rows & (trail.num_steps > number)
  return state._replace(
    embedding=kit.snapshots.restore(
      state.embedding, marks_at(trail, state.number), rows
    ),
    trail=trail._replace(
      num_steps=jnp.where(rows, number, trail.num_steps),
      done=trail.done & ~rows,
    ),
  )


def marks_at(trail: Trail, number: Array) -> Any:
  """The marks after `number` [B] steps."""
  pick = jax.vmap(lambda leaf, at: leaf[:, at])
  return jax.tree.map(lambda leaf: pick(leaf, number), trail.marks)


def draw(
  free: resampling.ResampleFn, bound: resampling.ResampleFn, size: int
) -> particle.DrawFn:
  """Groups of so many rows; those with a reference resample by `bound`."""

  def parents(
    keys: Array, log_weight: Array, rows: loop.Rows, step: loop.Step
  ) -> Array:
    del rows

    def one(key, log_weight, kept):
      either = free(key, log_weight, size), bound(key, log_weight, size)
      return jnp.where(kept, either[1], either[0])

    groups = log_weight.shape[1]
    kept = particle.by_group(step.embedding.kept, groups)[:, :, 0]
    keys = particle.group_keys(keys, groups)
    return jax.vmap(jax.vmap(one))(keys, log_weight, kept)

  return parents
