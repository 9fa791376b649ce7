"""Means over a few runs that differ in their seeds."""

import numpy as np
import scipy.stats
from jaxtyping import Shaped

from prm_jax.eval import bootstrap


def mean(
  values: Shaped[np.ndarray, "s"], level: float = bootstrap.LEVEL
) -> bootstrap.Interval:
  """The mean with Student's interval; of one run it is unbounded.

  A bootstrap over three or five seeds would be far too narrow.
  """
  values = np.asarray(values, np.float64)
  center, count = float(values.mean()), len(values)
  if count < 2:
    return bootstrap.Interval(center, -np.inf, np.inf)
  quantile = scipy.stats.t.ppf((1 + level) / 2, count - 1)
  half = float(quantile * values.std(ddof=1) / np.sqrt(count))
  return bootstrap.Interval(center, center - half, center + half)


def difference(
  values: Shaped[np.ndarray, "s"],
  others: Shaped[np.ndarray, "r"],
  level: float = bootstrap.LEVEL,
) -> bootstrap.Interval:
  """`mean` of the differences of runs that share their seeds."""
  if len(values) != len(others):
    raise ValueError(f"{len(values)} runs and {len(others)} others")
  return mean(np.asarray(values) - np.asarray(others), level)
