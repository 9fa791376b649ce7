"""Reductions over the entries a mask keeps; a masked entry is the identity.

Every function takes `values` and a boolean `mask` of the same shape and never
lets a masked entry reach the result or its gradient, whatever that entry
holds (NaN and infinities included).
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float


def mean(
  values: Float[Array, "*d"], mask: Bool[Array, "*d"], axis: int = -1
) -> Float[Array, "..."]:
  """Mean over the kept entries; 0 where none is kept."""
  count = jnp.sum(mask, axis=axis)
  total = jnp.sum(jnp.where(mask, values, 0), axis=axis)
  return total / jnp.maximum(count, 1)


def min(  # the field's word; used as masked.min
  values: Float[Array, "*d"], mask: Bool[Array, "*d"], axis: int = -1
) -> Float[Array, "..."]:
  """Smallest kept entry; +inf where none is kept."""
  return jnp.min(jnp.where(mask, values, jnp.inf), axis=axis)


def max(
  values: Float[Array, "*d"], mask: Bool[Array, "*d"], axis: int = -1
) -> Float[Array, "..."]:
  """Largest kept entry; -inf where none is kept."""
  return jnp.max(jnp.where(mask, values, -jnp.inf), axis=axis)


def cumulative_min(
  values: Float[Array, "*d"], mask: Bool[Array, "*d"], axis: int = -1
) -> Float[Array, "*d"]:
  """Smallest kept entry so far; +inf before the first kept one."""
  kept = jnp.where(mask, values, jnp.inf)
  return jax.lax.cummin(kept, axis=axis % values.ndim)


def logsumexp(
  values: Float[Array, "*d"],
  mask: Bool[Array, "*d"] | None = None,
  axis: int = -1,
) -> Float[Array, "..."]:
  """log sum exp of the kept entries; -inf, with gradient 0, where none is.

  An entry of -inf counts as masked: a row of log-weights that are all -inf
  gives -inf and no NaN, neither in the value nor in the gradient.
  """
  kept = ~jnp.isneginf(values)
  if mask is not None:
    kept &= mask
  some = jnp.any(kept, axis=axis)
  top = jnp.max(jnp.where(kept, values, -jnp.inf), axis=axis, keepdims=True)
  top = jax.lax.stop_gradient(jnp.where(jnp.isneginf(top), 0, top))
  # A +inf entry: inf - inf would be NaN, the sum is +inf.
  shifted = jnp.where(kept, values - jnp.where(jnp.isposinf(top), 0, top), 0)
  total = jnp.sum(jnp.where(kept, jnp.exp(shifted), 0), axis=axis)
  safe = jnp.log(jnp.where(some, total, 1)) + jnp.squeeze(top, axis)
  return jnp.where(some, safe, -jnp.inf)


def softmax(
  values: Float[Array, "*d"], mask: Bool[Array, "*d"], axis: int = -1
) -> Float[Array, "*d"]:
  """Softmax over the kept entries, 0 elsewhere; all 0 where none is kept."""
  top = jax.lax.stop_gradient(
    jnp.max(jnp.where(mask, values, -jnp.inf), axis=axis, keepdims=True)
  )
  top = jnp.where(jnp.isneginf(top), 0, top)
  weights = jnp.where(mask, jnp.exp(jnp.where(mask, values - top, 0)), 0)
  total = jnp.sum(weights, axis=axis, keepdims=True)
  return weights / jnp.where(total == 0, 1, total)
