"""Metrics travel as (sum, count) until they are printed."""

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import ArrayLike

Array = jax.Array


class Mean(NamedTuple):
  """A weighted mean that has not been divided yet."""

  total: ArrayLike  # [] sum of weight * value
  count: ArrayLike  # type: ignore[assignment]  # [] sum of weight

  def merge(self, other: "Mean") -> "Mean":
    """Adds another part of the same mean (another batch, another device)."""
    return Mean(self.total + other.total, self.count + other.count)

  def compute(self) -> Array:
    """The mean; 0 where nothing was counted."""
    count = jnp.asarray(self.count)
    safe = jnp.where(count == 0, 1, count)
    return jnp.where(count == 0, 0.0, self.total / safe)


Metrics = Mapping[str, Mean]


def merge(left: Metrics, right: Metrics) -> dict[str, Mean]:
  """Merges two dictionaries with the same keys."""
  if left.keys() != right.keys():
    raise ValueError(f"metrics differ: {sorted(left)} and {sorted(right)}")
  return {name: left[name].merge(right[name]) for name in left}


def to_scalars(metrics: Metrics) -> dict[str, float]:
  """Divides; one host transfer for the whole dictionary."""
  values = jax.device_get({k: m.compute() for k, m in metrics.items()})
  return {k: float(v) for k, v in values.items()}
