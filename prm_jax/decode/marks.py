"""Marks of rows: all but their texts and caches, which only grow."""

from typing import Any

import jax
import jax.numpy as jnp

from prm_jax.decode import state as state_lib
from prm_jax.search import snapshots
from prm_jax.types import Array


def mark(state: state_lib.DecodeState) -> Any:
  """Of caches the lengths, a few numbers and hidden states per row."""

  def small(node):
    return node.length if state_lib.is_cache(node) else node

  rows = state.rows._replace(tokens=state.rows.tokens[..., :0])
  return jax.tree.map(small, rows, is_leaf=state_lib.is_cache)


def restore(
  state: state_lib.DecodeState, marks: Any, where: Array
) -> state_lib.DecodeState:
  """The rows `where` [B, N] are shorter again."""

  def old(node, was):
    if state_lib.is_cache(node):
      length = jnp.where(where, was, node.length)
      return node.rewind_forks(length, where)
    return jnp.where(jnp.expand_dims(where, range(2, node.ndim)), was, node)

  tokens = state.rows.tokens
  rows = state.rows._replace(tokens=tokens[..., :0])
  rows = jax.tree.map(old, rows, marks, is_leaf=state_lib.is_cache)
  written = jnp.arange(tokens.shape[2]) < rows.length[..., None]
  rows = rows._replace(tokens=jnp.where(written, tokens, 0))
  return state._replace(rows=rows)


SNAPSHOTS = snapshots.Snapshots(mark, restore)
