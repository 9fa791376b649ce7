"""Accuracy against cost: who is not outdone, and how much cheaper it is.

All runs are on the same problems, so comparisons are paired: both sides see
the same draw of problems, and costs are drawn with them.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Bool, Num

from prm_jax.eval import bootstrap

Values: TypeAlias = Num[np.ndarray, "m"]


class Run(NamedTuple):
  """A method at one budget.

  Runs of one name are one method at several budgets.
  """

  name: str
  correct: np.ndarray  # [p] in [0, 1]: accuracy on each problem
  cost: Mapping[str, np.ndarray]  # by axis ("policy_tokens", "flops"), [p]


class Point(NamedTuple):
  """A line of the table."""

  name: str
  accuracy: bootstrap.Interval
  cost: Mapping[str, bootstrap.Interval]  # by axis, mean per problem
  efficient: frozenset[str]  # axes on which it is not dominated
  num_problems: int


def table(
  runs: Sequence[Run],
  *,
  seed: int = 0,
  num_resamples: int = bootstrap.NUM_RESAMPLES,
) -> list[Point]:
  """Accuracies and mean costs with their intervals, and the frontiers.

  Args:
    runs: in the order of the table; on a cost axis that some runs lack, those
      that have it are compared.
    seed: of the draws.
    num_resamples: draws.
  """
  _check(runs)
  sizes = {"seed": seed, "num_resamples": num_resamples}
  accuracy = [bootstrap.accuracy(run.correct, **sizes) for run in runs]
  efficient: list[set[str]] = [set() for _ in runs]
  for axis in dict.fromkeys(axis for run in runs for axis in run.cost):
    own = [i for i, run in enumerate(runs) if axis in run.cost]
    cost = np.array([runs[i].cost[axis].mean() for i in own], float)
    value = np.array([accuracy[i].value for i in own])
    for i, good in zip(own, not_dominated(cost, value), strict=True):
      if good:
        efficient[i].add(axis)
  return [
    Point(
      run.name,
      accuracy[i],
      {a: bootstrap.mean(v, **sizes) for a, v in run.cost.items()},
      frozenset(efficient[i]),
      len(run.correct),
    )
    for i, run in enumerate(runs)
  ]


def not_dominated(cost: Values, accuracy: Values) -> Bool[np.ndarray, "m"]:
  """True where no other point is as good and as cheap, and better in one."""
  no_dearer = cost[None, :] <= cost[:, None]
  no_worse = accuracy[None, :] >= accuracy[:, None]
  better = (cost[None, :] < cost[:, None]) | (
    accuracy[None, :] > accuracy[:, None]
  )
  return ~np.any(no_dearer & no_worse & better, axis=1)


def cost_at(cost: Values, accuracy: Values, level: float) -> float:
  """The least cost at which the curve reaches an accuracy.

  The curve joins the points in the order of their costs, straight against the
  logarithm of the cost. It is not extended: below the first point the first
  point's cost is told, which is too much, and infinity where no point is as
  good.
  """
  order = np.lexsort((-accuracy, cost))  # the better one of equal costs first
  x, y = np.log(np.asarray(cost, float)[order]), accuracy[order]
  reached = np.flatnonzero(y >= level)
  if not len(reached):
    return float("inf")
  i = int(reached[0])
  if i == 0:
    return float(np.exp(x[0]))
  share = (level - y[i - 1]) / (y[i] - y[i - 1])
  return float(np.exp(x[i - 1] + share * (x[i] - x[i - 1])))


def highest_common(left: Values, right: Values) -> float:
  """The highest accuracy that both curves reach."""
  return float(min(left.max(), right.max()))


def budget_ratio(
  better: Sequence[Run],
  baseline: Sequence[Run],
  axis: str,
  *,
  level: float | None = None,
  seed: int = 0,
  num_resamples: int = 1_000,
) -> bootstrap.Interval:
  """How many times the budget the baseline needs for the same accuracy.

    ratio = cost of the baseline at `level` / cost of the other at `level`

  Above 1 the first argument is cheaper; a search with «4 to 16 times better
  scaling» (2502.01618) has a ratio of 4 to 16. Where the baseline never gets
  there the ratio is infinite, where the other one does not it is 0, and where
  neither does 1. A ratio at an accuracy that already the cheapest run of
  `better` exceeds is a lower bound, see `cost_at`.

  Args:
    better: one method at several budgets.
    baseline: another, on the same problems.
    axis: the cost that is compared.
    level: accuracy; None: the highest that both reach, found anew in every
      draw.
    seed: of the draws.
    num_resamples: draws.

  Returns:
    The ratio and its 95 % interval over problems.
  """
  _check([*better, *baseline])
  arrays = [
    np.stack(columns, axis=1).astype(float)
    for runs in (better, baseline)
    for columns in (
      [run.cost[axis] for run in runs],
      [run.correct for run in runs],
    )
  ]
  if min(array.min() for array in arrays[::2]) <= 0:
    raise ValueError(f"{axis}: costs have to be positive")

  def ratio(*drawn: np.ndarray) -> float:
    own_cost, own, other_cost, other = (array.mean(0) for array in drawn)
    at = highest_common(own, other) if level is None else level
    here = cost_at(own_cost, own, at)
    there = cost_at(other_cost, other, at)
    return 1.0 if np.isinf(here) and np.isinf(there) else there / here

  return bootstrap.statistic(
    ratio, *arrays, seed=seed, num_resamples=num_resamples
  )


def _check(runs: Sequence[Run]) -> None:
  """ValueError unless all runs are on as many problems."""
  if not runs:
    raise ValueError("there are no runs")
  sizes = {
    len(values) for run in runs for values in (run.correct, *run.cost.values())
  }
  if len(sizes) > 1:
    raise ValueError(f"runs on {sorted(sizes)} problems: they have to be equal")
