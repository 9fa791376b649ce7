"""Runs of several seeds on several tasks, after arXiv 2108.13264 (rliable).

Scores are [runs, tasks]. Intervals resample runs, of each task by itself; with
scipy alone, as the library itself would bring pandas, seaborn and arch along.
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import scipy.stats
from jaxtyping import Float, Num

from prm_jax.eval import bootstrap

Scores: TypeAlias = Num[np.ndarray, "runs tasks"]


def interquartile_mean(scores: Scores) -> float:
  """Mean of the middle half of all scores."""
  return float(scipy.stats.trim_mean(scores, 0.25, axis=None))


def optimality_gap(scores: Scores, target: float = 1.0) -> float:
  """By how much scores fall short of the target on average."""
  return float(target - np.mean(np.minimum(scores, target)))


def probability_of_improvement(
  left: Num[np.ndarray, "m tasks"], right: Num[np.ndarray, "n tasks"]
) -> float:
  """Mean over tasks of P(left > right) + P(equal) / 2."""
  above = left[:, None] > right[None]
  equal = left[:, None] == right[None]
  return float(np.mean(above + 0.5 * equal))


def performance_profile(
  scores: Scores, levels: Num[np.ndarray, "levels"]
) -> Float[np.ndarray, "levels"]:
  """Share of runs and tasks with a score above each level."""
  return (scores[..., None] > levels).mean((0, 1))


def interval(
  function: Callable[..., float],
  *scores: Num[np.ndarray, "_ tasks"],
  seed: int = 0,
  num_resamples: int = 2_000,
  level: float = bootstrap.LEVEL,
  resample_tasks: bool = False,
) -> bootstrap.Interval:
  """Stratified percentile bootstrap.

  Args:
    function: `(*scores) -> float`, one of those above.
    *scores: one table per algorithm, of the same tasks.
    seed: of the draws.
    num_resamples: draws.
    level: coverage.
    resample_tasks: where the tasks are a random draw too.
  """
  rng = np.random.default_rng(seed)
  num_tasks = scores[0].shape[1]
  draws = np.empty(num_resamples)
  for i in range(num_resamples):
    tasks = (
      rng.integers(num_tasks, size=num_tasks)
      if resample_tasks
      else np.arange(num_tasks)
    )
    drawn = [
      table[rng.integers(len(table), size=(len(table), num_tasks)), tasks]
      for table in scores
    ]
    draws[i] = function(*drawn)
  tail = (1 - level) / 2
  low, high = np.quantile(draws, [tail, 1 - tail])
  return bootstrap.Interval(function(*scores), float(low), float(high))
