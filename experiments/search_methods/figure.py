"""Accuracy against tokens, one panel per task and family of methods."""

from collections.abc import Mapping, Sequence

import matplotlib.axes
import matplotlib.figure
import matplotlib.ticker

from prm_jax.eval import pareto
from prm_jax.reports import plots

REFERENCE = "best_of_n"  # grey in every panel
WIDTH, HEIGHT = 3.0, 4.0  # of a panel, inches


def draw(
  points: Mapping[str, Sequence[pareto.Point]],
  families: Mapping[str, Sequence[str]],
  axis: str,
) -> matplotlib.figure.Figure:
  """One row of panels per task.

  Args:
    points: of each task.
    families: names of methods by the title of their panel.
    axis: the cost.
  """
  figure = matplotlib.figure.Figure(
    (WIDTH * len(families), HEIGHT * len(points)), layout="constrained"
  )
  grid = figure.subplots(
    len(points), len(families), squeeze=False, sharey=True, sharex="row"
  )
  for row, (task, own) in zip(grid, points.items(), strict=True):
    for axes, (title, names) in zip(row, families.items(), strict=True):
      _panel(axes, own, names, axis)
      axes.set_title(f"{task}: {title}", fontsize=9)
    row[0].set_ylabel("accuracy, % (95 % interval)")
  for axes in grid[-1]:
    axes.set_xlabel(f"{plots.counter_title(axis)} per problem")
  return figure


def _panel(
  axes: matplotlib.axes.Axes,
  points: Sequence[pareto.Point],
  names: Sequence[str],
  axis: str,
) -> None:
  colors = [*plots.COLORS, "#8C564B", "#000000", "#7F7F00", "#9467BD"]
  if REFERENCE not in names:
    _line(axes, points, REFERENCE, axis, "#BBBBBB", "o")
  for i, name in enumerate(names):
    color = colors[i % len(colors)]
    _line(axes, points, name, axis, color, plots.MARKERS[i])
  axes.set_xscale("log", base=2)
  axes.xaxis.set_major_formatter(matplotlib.ticker.EngFormatter(places=0))
  axes.set_ylim(0, 100)
  axes.grid(visible=True, color="#E5E5E5")
  axes.spines[["top", "right"]].set_visible(False)
  axes.legend(
    fontsize=6.5,
    frameon=False,
    loc="upper center",
    bbox_to_anchor=(0.5, -0.17),
    ncols=2,
  )


def _line(
  axes: matplotlib.axes.Axes,
  points: Sequence[pareto.Point],
  name: str,
  axis: str,
  color: str,
  marker: str,
) -> None:
  own = [point for point in points if point.name == name]
  own.sort(key=lambda point: point.cost[axis].value)
  if not own:
    return
  value = [100 * point.accuracy.value for point in own]
  low = [100 * (p.accuracy.value - p.accuracy.low) for p in own]
  high = [100 * (p.accuracy.high - p.accuracy.value) for p in own]
  axes.errorbar(
    [point.cost[axis].value for point in own],
    value,
    yerr=[low, high],
    color=color,
    marker=marker,
    markersize=3.5,
    linewidth=1,
    elinewidth=0.7,
    label=name.replace("_", " "),
  )
