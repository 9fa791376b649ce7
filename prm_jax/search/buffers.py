"""Entering results in arrays whose problems are at steps of their own."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array


def put_step(
  trace: Array, index: Array, entry: Array, ready: Array, axis: int = 1
) -> Array:
  """Enters each ready problem's `entry` at place `index` [B] of an axis."""
  steps = jnp.arange(trace.shape[axis])
  here = ready[:, None] & (steps == index[:, None])  # [B, T]
  others = [a for a in range(1, trace.ndim) if a != axis]
  return jnp.where(
    jnp.expand_dims(here, others), jnp.expand_dims(entry, axis), trace
  )


def where(condition: Array, yes: Any, no: Any) -> Any:
  """Problem by problem one of two pytrees; `condition` [B], leaves [B, ...]."""

  def pick(a, b):
    return jnp.where(jnp.expand_dims(condition, range(1, a.ndim)), a, b)

  return jax.tree.map(pick, yes, no)
