"""Runs of several seeds on several tasks, after arXiv 2108.13264 (rliable).

Scores are [runs, tasks]. Intervals resample runs, of each task by itself; with
scipy alone, as the library itself would bring pandas, seaborn and arch along.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import numpy as np
import scipy.stats
from jaxtyping import Float, Num

from prm_jax.eval import bootstrap

Scores: TypeAlias = Num[np.ndarray, "runs tasks"]


def interquartile_mean(scores: Scores) -> float:
  """Mean of the middle half of all scores."""
  return float(scipy.stats.trim_mean(scores, 0.25, axis=None))


def median_task(scores: Scores) -> float:
  """Median over tasks of their mean scores."""
  return float(np.median(scores.mean(0)))


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
  draws = [
    function(*drawn)
    for drawn in _draws(scores, seed, num_resamples, resample_tasks)
  ]
  low, high = _bounds(np.array(draws), level)
  return bootstrap.Interval(function(*scores), float(low), float(high))


def profile_intervals(
  scores: Scores,
  levels: Num[np.ndarray, "levels"],
  *,
  seed: int = 0,
  num_resamples: int = 2_000,
  level: float = bootstrap.LEVEL,
) -> list[bootstrap.Interval]:
  """`performance_profile` with pointwise intervals, as of `interval`."""
  draws = [
    performance_profile(drawn, levels)
    for (drawn,) in _draws((scores,), seed, num_resamples, False)
  ]
  value = performance_profile(scores, levels)
  low, high = _bounds(np.array(draws), level)
  return [
    bootstrap.Interval(*map(float, own))
    for own in zip(value, low, high, strict=True)
  ]


def _draws(
  scores: Sequence[Num[np.ndarray, "_ tasks"]],
  seed: int,
  num_resamples: int,
  resample_tasks: bool,
) -> Iterator[list[Num[np.ndarray, "_ tasks"]]]:
  """Tables with the runs of each task drawn anew."""
  rng = np.random.default_rng(seed)
  num_tasks = scores[0].shape[1]
  for _ in range(num_resamples):
    tasks = (
      rng.integers(num_tasks, size=num_tasks)
      if resample_tasks
      else np.arange(num_tasks)
    )
    yield [
      table[rng.integers(len(table), size=(len(table), num_tasks)), tasks]
      for table in scores
    ]


def _bounds(
  draws: Float[np.ndarray, "draws *k"], level: float
) -> Float[np.ndarray, "2 *k"]:
  tail = (1 - level) / 2
  return np.quantile(draws, [tail, 1 - tail], axis=0)
