"""Forking the rows of a cache where they lie."""

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp

from prm_jax.types import Array, Parents

Layers: TypeAlias = Any  # a pytree of [B, N, kv_heads, S, h] leaves

# A fork moves the cache in so many parts: what is copied beside it is one.
BLOCKS, SLOT_BLOCKS = 8, 4


def in_place(
  layers: Layers,
  used: Array,
  parents: Parents,
  take_fn: Callable[[Array, Parents], Array],
) -> Layers:
  """Rows that are copies of their parents, block by block of problems, slots.

  So there never is a second cache, and slots that no row has reached are not
  moved, nor are blocks whose rows all stay.

  Args:
    layers: leaves [B, N, kv_heads, S, h].
    used: [] int32 slots that the longest row has reached.
    parents: [B, N].
    take_fn: forks the rows of one block.
  """
  batch, _, _, slots, _ = jax.tree.leaves(layers)[0].shape
  problems = math.gcd(batch, BLOCKS)
  per_block, width = batch // problems, slots // math.gcd(slots, SLOT_BLOCKS)
  stay = parents == jnp.arange(parents.shape[1])
  moves = ~jnp.all(stay.reshape(problems, -1), axis=1)
  moved_first = jnp.argsort(~moves, stable=True)
  parts = jnp.maximum(-(-used // width), 1)

  def one(i, layers):
    first = moved_first[i // parts] * per_block
    own = jax.lax.dynamic_slice_in_dim(parents, first, per_block)

    def move(leaf):
      start = (first, 0, 0, (i % parts) * width, 0)
      size = (per_block, *leaf.shape[1:3], width, leaf.shape[4])
      block = jax.lax.dynamic_slice(leaf, start, size)
      return jax.lax.dynamic_update_slice(leaf, take_fn(block, own), start)

    return jax.tree.map(move, layers)

  return jax.lax.fori_loop(0, jnp.sum(moves) * parts, one, layers)
