"""Several sequences in a row: what is read of each, apart from the others.

A row holds sequences 1, 2, ... end to end; `side` [n, t] says which one a
position belongs to, 0 is padding.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Bool, Float, Int, Num

Array = jax.Array


def membership(side: Int[Array, "n t"], num_sides: int) -> Bool[Array, "n m t"]:
  """Which positions belong to which sequence."""
  return side[:, None] == jnp.arange(1, num_sides + 1)[:, None]


def sums(
  values: Float[Array, "n t"], side: Int[Array, "n t"], num_sides: int
) -> Float[Array, "n m"]:
  """Of each sequence."""
  own = membership(side, num_sides)
  return jnp.sum(jnp.where(own, values[:, None], 0.0), axis=-1)


def table(
  values: Num[Array, "n t"],
  side: Int[Array, "n t"],
  mask: Bool[Array, "n t"],
  num_sides: int,
) -> tuple[Num[Array, "n m t"], Bool[Array, "n m t"]]:
  """Values at the kept positions, those of a sequence side by side.

  Returns:
    [n, m, t] the j-th kept value of sequence i of a row, 0 behind the last;
    and where there is one.
  """
  own = membership(side, num_sides) & mask[:, None]
  # Kept positions first, in their order.
  order = jnp.argsort(~own, axis=-1, stable=True)
  count = jnp.sum(own, axis=-1, keepdims=True)
  there = jnp.arange(values.shape[1]) < count
  wide = jnp.broadcast_to(values[:, None], own.shape)
  found = jnp.take_along_axis(wide, order, axis=-1)
  return jnp.where(there, found, jnp.zeros((), values.dtype)), there


def last(
  found: Num[Array, "n m t"], there: Bool[Array, "n m t"]
) -> tuple[Num[Array, "n m"], Bool[Array, "n m"]]:
  """The last value of each sequence, and whether it has one."""
  count = jnp.sum(there, axis=-1)
  index = jnp.maximum(count - 1, 0)[..., None]
  return jnp.take_along_axis(found, index, axis=-1)[..., 0], count > 0
