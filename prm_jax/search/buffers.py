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
  """One of two pytrees for each problem, or for each row.

  Args:
    condition: [B], or [B, N] with rows.
    yes: leaves [B, ...], or [B, N, ...].
    no: as `yes`.
  """

  def pick(a, b):
    trailing = range(condition.ndim, a.ndim)
    return jnp.where(jnp.expand_dims(condition, trailing), a, b)

  return jax.tree.map(pick, yes, no)
