"""Forking the rows of a cache where they lie."""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp

from prm_jax.types import Array, Parents

Layers: TypeAlias = Any  # a sequence of pytrees of [B, N, ...] leaves

# A fork moves the cache in so many parts: what is copied beside it is one.
BLOCKS, SLOT_BLOCKS = 8, 4


def in_place(
  layers: Layers,
  slot_axes: Sequence[int],
  used: Array,
  parents: Parents,
  take_fn: Callable[[Array, Parents], Array],
) -> Layers:
  """Rows that are copies of their parents, block by block of problems, slots.

  So there never is a second cache, and slots that no row has reached are not
  moved, nor are blocks whose rows all stay.

  Args:
    layers: leaves [B, N, ...].
    slot_axes: which axis is that of slots, in turn for the leaves of a layer.
    used: [] int32 slots that the longest row has reached.
    parents: [B, N].
    take_fn: forks the rows of one block.
  """
  first_leaf = jax.tree.leaves(layers)[0]
  batch = first_leaf.shape[0]
  slots = first_leaf.shape[slot_axes[0]]
  problems = math.gcd(batch, BLOCKS)
  per_block, width = batch // problems, slots // math.gcd(slots, SLOT_BLOCKS)
  stay = parents == jnp.arange(parents.shape[1])
  moves = ~jnp.all(stay.reshape(problems, -1), axis=1)
  moved_first = jnp.argsort(~moves, stable=True)
  parts = jnp.maximum(-(-used // width), 1)

  def one(i, layers):
    first = moved_first[i // parts] * per_block
    own = jax.lax.dynamic_slice_in_dim(parents, first, per_block)

    def move(leaf, slot_axis):
      start, size = [0] * leaf.ndim, list(leaf.shape)
      start[0], size[0] = first, per_block
      start[slot_axis], size[slot_axis] = (i % parts) * width, width
      block = jax.lax.dynamic_slice(leaf, start, size)
      return jax.lax.dynamic_update_slice(leaf, take_fn(block, own), start)

    leaves, structure = jax.tree.flatten(layers)
    axes = itertools.cycle(slot_axes)
    moved = [move(leaf, axis) for leaf, axis in zip(leaves, axes, strict=False)]
    return jax.tree.unflatten(structure, moved)

  return jax.lax.fori_loop(0, jnp.sum(moves) * parts, one, layers)
