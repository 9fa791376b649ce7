"""How well scores order what they score, overall and within groups.

A group is a set of things that compete: the continuations of one prefix, or
the samples of one problem. Groups without a defined correlation (one member,
all scores or all truths equal) are NaN and are left out of means.
"""

from collections.abc import Callable

import numpy as np
import scipy.stats
from jaxtyping import Float, Num, Shaped

Scores = Num[np.ndarray, "n"]
Groups = Shaped[np.ndarray, "n"]  # any labels; equal labels are one group
Metric = Callable[[np.ndarray, np.ndarray], float]


def kendall(scores: Scores, truth: Scores) -> float:
  """Kendall's tau-b; NaN where undefined."""
  if _is_constant(scores) or _is_constant(truth):
    return float("nan")
  return float(scipy.stats.kendalltau(scores, truth).statistic)


def spearman(scores: Scores, truth: Scores) -> float:
  """Spearman's rank correlation; NaN where undefined."""
  if _is_constant(scores) or _is_constant(truth):
    return float("nan")
  return float(scipy.stats.spearmanr(scores, truth).statistic)


def top_regret(scores: Scores, truth: Scores) -> float:
  """max truth - truth of the top score; ties go to the lowest index."""
  return float(truth.max() - truth[int(np.argmax(scores))])


def by_group(
  metric: Metric, scores: Scores, truth: Scores, groups: Groups
) -> Float[np.ndarray, "g"]:
  """The metric within each group, in the order of the sorted labels."""
  _, which = np.unique(groups, return_inverse=True)
  order = np.argsort(which, kind="stable")
  ends = np.cumsum(np.bincount(which))[:-1]
  return np.array(
    [metric(scores[m], truth[m]) for m in np.split(order, ends)], float
  )


def mean_by_group(
  metric: Metric, scores: Scores, truth: Scores, groups: Groups
) -> tuple[float, int]:
  """Mean over the groups where it is defined, and how many those are."""
  values = by_group(metric, scores, truth, groups)
  defined = values[~np.isnan(values)]
  if not len(defined):
    return float("nan"), 0
  return float(defined.mean()), len(defined)


def _is_constant(values: np.ndarray) -> bool:
  return bool(np.all(values == values[0]))
