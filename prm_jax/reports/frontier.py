"""Accuracy and every cost of all runs; each cost's frontier is marked."""

from collections.abc import Sequence

from prm_jax.eval import bootstrap, pareto
from prm_jax.reports import plots, results, tables

MARK = "◆"
NOTE = (
  f"{MARK} nothing is as good for less and nothing better for as much. Costs"
  " are means per problem with their 95 % interval."
)


def table(points: Sequence[pareto.Point]) -> tables.Table:
  """One line per run, grouped by verifier; a column per cost.

  Args:
    points: of `pareto.table`; names are `method` or `method/verifier`.
  """
  axes = list(dict.fromkeys(axis for point in points for axis in point.cost))
  found: dict[str, list[tables.Line]] = {}
  for point in points:
    cells = [
      tables.method_of(point.name),
      f"{100 * point.accuracy.value:.1f} %",
      f"{100 * point.accuracy.low:.1f} to {100 * point.accuracy.high:.1f}",
      *(_cell(point, axis) for axis in axes),
    ]
    line = tables.Line(tuple(cells), bool(point.efficient))
    found.setdefault(tables.verifier_of(point.name), []).append(line)
  header = ("verifier", "method", "accuracy", "95 % interval")
  groups = tuple(
    tables.Group(verifier or "none", tuple(lines))
    for verifier, lines in found.items()
  )
  titles = tuple(plots.counter_title(axis) for axis in axes)
  return tables.Table((*header, *titles), groups, NOTE if groups else "")


def rows(points: Sequence[pareto.Point]) -> list[results.Row]:
  """For `results.json`: accuracies with mean costs."""
  return [
    results.Row(
      name=point.name,
      metric=tables.ACCURACY,
      value=point.accuracy.value,
      ci_low=point.accuracy.low,
      ci_high=point.accuracy.high,
      n=point.num_problems,
      cost={axis: cost.value for axis, cost in point.cost.items()},
    )
    for point in points
  ]


def _cell(point: pareto.Point, axis: str) -> str:
  if axis not in point.cost:
    return "-"
  mark = f"{MARK} " if axis in point.efficient else ""
  return mark + _interval(point.cost[axis])


def _interval(found: bootstrap.Interval) -> str:
  value, low, high = (
    f"{number:,.0f}" if 100 <= number < 1e6 else f"{number:.3g}"
    for number in found
  )
  return f"{value} ({low} to {high})"
