"""Whether a benchmark can tell models apart (arXiv 2406.10229)."""

from typing import NamedTuple

import numpy as np
import scipy.stats
from jaxtyping import Bool, Num

from prm_jax.eval import ranking


class McNemar(NamedTuple):
  """Problems that only one side solves, and how likely such a split is."""

  only_left: int
  only_right: int
  p_value: float  # two-sided, exact


def mcnemar(
  left: Bool[np.ndarray, "n"], right: Bool[np.ndarray, "n"]
) -> McNemar:
  """Are two accuracies on the same problems different? The exact test.

  Under no difference each problem that one side alone solves is either's with
  chance 1/2. 1 where there is no such problem.
  """
  only_left = int(np.sum(left & ~right))
  only_right = int(np.sum(right & ~left))
  total = only_left + only_right
  p = scipy.stats.binomtest(only_left, total).pvalue if total else 1.0
  return McNemar(only_left, only_right, float(p))


def seed_deviation(scores: Num[np.ndarray, "seeds"]) -> float:
  """Standard deviation over training seeds, without bias (n - 1).

  Raises:
    ValueError: fewer than two seeds.
  """
  if len(scores) < 2:
    raise ValueError("the spread over seeds takes at least two of them")
  return float(np.std(scores, ddof=1))


def monotonicity(scores: Num[np.ndarray, "points"]) -> float:
  """Kendall's tau of a score against the training step; NaN if constant."""
  return ranking.kendall(scores, np.arange(len(scores)))


def signal_to_noise(scores: Num[np.ndarray, "seeds"]) -> float:
  """Mean over seeds over their deviation; infinite where they agree."""
  deviation = seed_deviation(scores)
  mean = float(np.mean(scores))
  return mean / deviation if deviation > 0 else float("inf")
