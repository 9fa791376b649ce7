"""Which rows are best: ties to the lowest index, NaN is the worst score."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from prm_jax.search import base

# `embedding -> [B, N, N] bool`: rows i and j hold the same text.
SameFn: TypeAlias = Callable[[base.Embedding], Array]


def comparable(score: Float[Array, "*d"]) -> Float[Array, "*d"]:
  """A verifier that fails says the worst of a row."""
  return jnp.where(jnp.isnan(score), -jnp.inf, score)


def judged(score: Float[Array, "*d"]) -> Bool[Array, "*d"]:
  """False for NaN, a verifier that fails, and -inf, one that gives up.

  Neither is a number that an average over other scores could take in.
  """
  return ~jnp.isneginf(comparable(score))


def best(
  score: Float[Array, "*d N"], num: int, behind: Sequence[Array] = ()
) -> Int[Array, "*d {num}"]:
  """The `num` best rows, best first.

  Args:
    score: what ranks them.
    num: at most N.
    behind: masks like `score`; rows of the first rank behind all others,
      those of the second behind the rest of these, and so on.
  """
  keys = (-comparable(score), *(mask for mask in reversed(behind)))
  order = jnp.lexsort(keys, axis=-1)
  return order[..., :num].astype(jnp.int32)


def best_of_groups(
  score: Float[Array, "B N"], num_groups: int, behind: Sequence[Array] = ()
) -> Int[Array, "B G"]:
  """The best row of each of G blocks of neighbouring rows; see `best`."""
  split = lambda rows: rows.reshape(rows.shape[0], num_groups, -1)
  place = best(split(score), 1, [split(mask) for mask in behind])[..., 0]
  return place + first_of_groups(score, num_groups)


def first_of_groups(
  like: Float[Array, "B N"], num_groups: int
) -> Int[Array, "B G"]:
  """The first row of each of G blocks of neighbouring rows."""
  size = like.shape[1] // num_groups
  first = jnp.arange(num_groups, dtype=jnp.int32) * size
  return jnp.broadcast_to(first, (like.shape[0], num_groups))


def repeated(
  same: Bool[Array, "B N N"], ignored: Bool[Array, "B N"]
) -> Bool[Array, "B N"]:
  """Rows that say what a row before them says that is not `ignored`."""
  rows = jnp.arange(same.shape[1])
  earlier = (rows[None, :] < rows[:, None]) & ~ignored[:, None, :]
  return jnp.any(same & earlier, axis=2)


def log_weight(
  excluded: Bool[Array, "B N"], score: Float[Array, "B N"]
) -> Float[Array, "B N"]:
  """-inf for rows that count for nothing, 0 for all others."""
  return jnp.where(excluded, -jnp.inf, jnp.zeros_like(score))
