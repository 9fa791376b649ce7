"""More problems than slots: a slot whose problem is over takes the next one.

A method runs its problems through `loop.run` or whatever else it is given in
its place; this is the other. The method is called with the keys of all Q
problems and a root whose B <= Q slots hold the first B of them, and gets back
the population of all Q, in their order. Where fewer problems are there than
keys, the last results are zeros.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp

from prm_jax import types
from prm_jax.search import base, buffers, loop
from prm_jax.types import Array

# `(embedding, problems [B], fresh [B]) -> embedding` whose fresh slots hold
# the roots of those problems.
LoadFn: TypeAlias = Callable[[base.Embedding, Array, Array], base.Embedding]
# `embedding -> what is kept of it`, leaves [B, ...].
KeepFn: TypeAlias = Callable[[base.Embedding], Any]
# `embedding -> []` problems that are there, the first of the Q.
CountFn: TypeAlias = Callable[[base.Embedding], Array]


class _Carry(NamedTuple):
  population: loop.Population
  memory: Any
  slot: Array  # [B] int32 the problem in each slot, Q: none
  next: Array  # [] int32 the first problem that waits
  out: Any  # (population, memory) of all problems, leaves [Q, ...]


def make_run(
  load_fn: LoadFn, keep_fn: KeepFn, count_fn: CountFn | None = None
) -> loop.RunFn:
  """A `loop.run` for queues.

  The embedding of its population is what `keep_fn` keeps. Over is a problem
  whose rows are done or whose step budget is spent; its slot is refilled
  before the next step, so no problem waits for more than a step of another.
  """

  def run(
    params: types.Params,
    rng_keys: Array,
    population: loop.Population,
    step_fn: base.StepFn,
    take_fn: base.TakeFn = base.take,
    select_fn: loop.SelectFn | None = None,
    memory: Any = None,
  ) -> tuple[loop.Population, Any]:
    num = rng_keys.shape[0]
    last = num if count_fn is None else count_fn(population.embedding)
    fresh = population._replace(embedding=None), memory

    def over(carry: _Carry) -> Array:
      return (carry.slot < last) & ~loop.unfinished(carry.population)

    def body(carry: _Carry) -> _Carry:
      keys = rng_keys[jnp.minimum(carry.slot, num - 1)]
      population, memory = loop.turn(
        params,
        keys,
        carry.population,
        step_fn,
        take_fn,
        select_fn,
        carry.memory,
      )
      carry = carry._replace(population=population, memory=memory)
      # A loop of at most one round: a branch would copy the cache.
      return jax.lax.while_loop(
        lambda carry: jnp.any(over(carry)),
        lambda carry: _refill(
          carry, over(carry), fresh, num, last, load_fn, keep_fn
        ),
        carry,
      )

    slots = population.step.shape[0]
    slot = jnp.arange(slots, dtype=jnp.int32)
    start = _Carry(
      _without(population, slot >= last),
      memory,
      slot,
      jnp.int32(slots),
      _room(population, memory, num, keep_fn),
    )
    end = jax.lax.while_loop(
      lambda carry: jnp.any(carry.slot < last), body, start
    )
    return end.out

  return run


def _room(
  population: loop.Population, memory: Any, num: int, keep_fn: KeepFn
) -> Any:
  """Zeros for the results of all problems."""
  kept = lambda p, m: (p._replace(embedding=keep_fn(p.embedding)), m)
  like = jax.eval_shape(kept, population, memory)
  return jax.tree.map(lambda x: jnp.zeros((num, *x.shape[1:]), x.dtype), like)


def _without(population: loop.Population, empty: Array) -> loop.Population:
  """Slots without a problem have nothing to do."""
  rows = population.rows
  done = rows.done | empty[:, None]
  return population._replace(rows=rows._replace(done=done))


def _refill(
  carry: _Carry,
  over: Array,
  fresh: Any,
  num: int,
  last: Array | int,  # problems that are there, of `num`
  load_fn: LoadFn,
  keep_fn: KeepFn,
) -> _Carry:
  """Puts away the problems that are over and takes as many new ones."""
  population, memory = carry.population, carry.memory
  kept = population._replace(embedding=keep_fn(population.embedding)), memory
  place = jnp.where(over, carry.slot, num)
  out = jax.tree.map(
    lambda all_, own: all_.at[place].set(own, mode="drop"), carry.out, kept
  )
  rank = jnp.cumsum(over, dtype=jnp.int32)
  slot = jnp.where(over, jnp.minimum(carry.next + rank - 1, last), carry.slot)
  now = population._replace(embedding=None), memory
  emptied, memory = buffers.where(over, fresh, now)
  embedding = load_fn(
    population.embedding, jnp.minimum(slot, num - 1), over & (slot < last)
  )
  population = emptied._replace(embedding=embedding)
  return _Carry(
    _without(population, slot >= last),
    memory,
    slot,
    jnp.minimum(carry.next + rank[-1], last),
    out,
  )
