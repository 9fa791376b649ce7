"""Thresholds with a guarantee, from exchangeable calibration points.

Split conformal prediction, conformal risk control (arXiv 2208.02814) and
conformal selection (arXiv 2210.01408).
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Num

Scores = Num[np.ndarray, "n"]


def quantile(scores: Scores, level: float) -> float:
  """The ceil((n + 1) (1 - level))-th smallest score; inf beyond the n-th.

  The next score is at most that with chance >= 1 - level, and, where there
  are no ties, <= 1 - level + 1 / (n + 1).
  """
  # (n + 1)(1 - a) may exceed a whole number by rounding alone.
  rank = math.ceil(round((len(scores) + 1) * (1 - level), 9))
  if rank > len(scores):
    return math.inf
  return float(np.sort(scores)[max(rank, 1) - 1])


def adjusted_risk(risk: Any, num_points: int, bound: float = 1.0) -> Any:
  """n / (n + 1) * risk + bound / (n + 1): what has to be below the level."""
  return (num_points * risk + bound) / (num_points + 1)


def risk_control(
  loss: Callable[[float], np.ndarray],
  thresholds: Num[np.ndarray, "m"],
  level: float,
  bound: float = 1.0,
) -> float:
  """The smallest threshold whose adjusted risk is at most the level.

  The expected loss of the next point at that threshold is at most the level
  if losses do not rise with the threshold and stay within the bound.

  Args:
    loss: threshold to the losses [n] of the calibration points.
    thresholds: candidates.
    level: of the risk.
    bound: largest loss.

  Returns:
    A candidate, or inf where none will do.

  Raises:
    ValueError: the mean loss rises somewhere.
  """
  ordered = np.sort(thresholds)
  losses = [loss(float(threshold)) for threshold in ordered]
  risks = np.array([np.mean(own) for own in losses], float)
  return _smallest(ordered, risks, len(losses[0]), level, bound)


def accept_above(
  scores: Scores, wrong: Bool[np.ndarray, "n"], level: float
) -> float:
  """Threshold above which to accept, so that few accepted are wrong.

  The loss of a solution is 1 where it is wrong and accepted: the share of all
  solutions that are accepted in error is at most the level.
  """
  observed = np.unique(scores)
  below = np.nextafter(observed[0], -np.inf)
  thresholds = np.concatenate([[below], observed, [np.inf]])
  # Wrong ones above each threshold; of any number of scores in one sorting.
  taken = np.sort(scores[wrong])
  risks = len(taken) - np.searchsorted(taken, thresholds, side="right")
  return _smallest(thresholds, risks / len(scores), len(scores), level, 1.0)


def p_values(
  calibration: Scores,
  tested: Num[np.ndarray, "m"],
  *,
  uniform: Float[np.ndarray, "m"] | None = None,
) -> Float[np.ndarray, "m"]:
  """(sum_i 1[V_i < V_j] + U_j (1 + sum_i 1[V_i = V_j])) / (n + 1).

  V is a score of conformity to "the label is not above its bound", so a small
  value speaks for selecting j.

  Args:
    calibration: V_i with known labels.
    tested: V_j at the bound.
    uniform: U_j in (0, 1); 1, which is conservative, if None.
  """
  draws = np.ones(len(tested)) if uniform is None else uniform
  below = (calibration[None] < tested[:, None]).sum(1)
  equal = (calibration[None] == tested[:, None]).sum(1)
  return (below + draws * (1 + equal)) / (len(calibration) + 1)


def benjamini_hochberg(
  p: Float[np.ndarray, "m"], level: float
) -> Bool[np.ndarray, "m"]:
  """Which to select at this false discovery rate.

  The largest k with the k-th smallest p <= level * k / m, and all up to it.
  """
  order = np.argsort(p, kind="stable")
  bounds = level * np.arange(1, len(p) + 1) / max(len(p), 1)
  passed = np.flatnonzero(p[order] <= bounds)
  selected = np.zeros(len(p), bool)
  if len(passed):
    selected[order[: passed[-1] + 1]] = True
  return selected


def _smallest(
  thresholds: Num[np.ndarray, "m"],
  risks: Float[np.ndarray, "m"],
  num_points: int,
  level: float,
  bound: float,
) -> float:
  """The first threshold with an adjusted risk of at most the level."""
  rising = np.flatnonzero(np.diff(risks) > 1e-12)
  if len(rising):
    raise ValueError(f"the loss rises after {thresholds[rising[0]]}")
  adjusted = adjusted_risk(risks, num_points, bound)
  passed = np.flatnonzero(adjusted <= level)
  return float(thresholds[passed[0]]) if len(passed) else math.inf
