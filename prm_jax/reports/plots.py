"""Figures, drawn without a display and without global state."""

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import matplotlib.axes
import matplotlib.figure
import matplotlib.lines
import matplotlib.ticker
import numpy as np

from prm_jax.eval import calibration
from prm_jax.reports import curves, results, tables

# Distinct also to colour-blind readers (Okabe and Ito, 2008).
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_ALONE = "#555555"  # no verifier
_BOUND = "#AAAAAA"  # the oracle
MARKERS = "osD^vPXh<>pd*"
MAX_PANELS = 9
_THOUSANDS = matplotlib.ticker.EngFormatter(places=1)  # 1.5 G
STYLE: dict[Any, Any] = {
  "font.size": 9,
  "axes.spines.top": False,
  "axes.spines.right": False,
  "axes.grid": True,
  "grid.color": "#E5E5E5",
  "axes.axisbelow": True,
  "legend.frameon": False,
  # The same figure is the same bytes.
  "svg.hashsalt": "prm_jax",
}


def accuracy_by_method(
  rows: Sequence[results.Row],
) -> matplotlib.figure.Figure | None:
  """Accuracies with their intervals below each other, as in the table.

  None where there is no accuracy.
  """
  rows = [row for row in rows if row.metric == tables.ACCURACY]
  if not rows:
    return None
  groups = tables.by_verifier(rows)
  colors = _colors(list(groups))
  with matplotlib.rc_context(STYLE):
    figure = matplotlib.figure.Figure(
      (7.2, 0.22 * (len(rows) + len(groups)) + 0.7), layout="constrained"
    )
    axes = figure.subplots()
    height, ticks = 0.0, {}
    for verifier, own in groups.items():
      for row in own:
        _point(
          axes, [100 * row.value], [height], colors[verifier], x_rows=[row]
        )
        title = f"{verifier} / " if verifier else ""
        ticks[height] = title + tables.method_of(row.name)
        height -= 1
      height -= 0.6
    axes.set_yticks(list(ticks), list(ticks.values()))
    axes.set_xlim(left=0)
    axes.set_xlabel("accuracy, % (95 % interval)")
    axes.grid(visible=False, axis="y")
    return figure


def accuracy_by_cost(
  rows: Sequence[results.Row], counter: str = "policy_tokens"
) -> matplotlib.figure.Figure | None:
  """Accuracy with intervals against a cost per problem.

  Colour is the verifier, the marker the method; rows of the same name (other
  budgets) are joined. None where no row tells both.

  Args:
    rows: of `results.json`.
    counter: the field of `Row.cost`.
  """
  rows = [
    row
    for row in rows
    if row.metric == tables.ACCURACY and row.cost.get(counter)
  ]
  if not rows:
    return None
  colors = _colors(list(tables.by_verifier(rows)))
  methods = list(dict.fromkeys(tables.method_of(row.name) for row in rows))
  markers = {m: MARKERS[i % len(MARKERS)] for i, m in enumerate(methods)}
  with matplotlib.rc_context(STYLE):
    figure = matplotlib.figure.Figure((7.2, 4.2), layout="constrained")
    axes = figure.subplots()
    for name in dict.fromkeys(row.name for row in rows):
      own = [row for row in rows if row.name == name]
      own.sort(key=lambda row: row.cost[counter])
      _point(
        axes,
        [row.cost[counter] for row in own],
        [100 * row.value for row in own],
        colors[tables.verifier_of(name)],
        y_rows=own,
        marker=markers[tables.method_of(name)],
      )
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(matplotlib.ticker.FuncFormatter(_plain))
    axes.set_ylim(bottom=0)
    axes.set_xlabel(f"{counter_title(counter)} per problem")
    axes.set_ylabel("accuracy, % (95 % interval)")
    _legend(figure, colors, markers)
    return figure


def training_curves(
  found: Mapping[str, curves.Curve],
) -> matplotlib.figure.Figure | None:
  """One panel per metric; `train/x` and `eval/x` share the panel of `x`.

  Args:
    found: by name. At most 9 panels, losses first.
  """
  panels: dict[str, list[str]] = {}
  for name in found:
    panels.setdefault(name.rpartition("/")[2], []).append(name)
  titles = sorted(panels, key=lambda title: "loss" not in title)[:MAX_PANELS]
  if not titles:
    return None
  num_columns = min(3, len(titles))
  num_rows = -(-len(titles) // num_columns)
  with matplotlib.rc_context(STYLE):
    figure = matplotlib.figure.Figure(
      (2.6 * num_columns + 0.6, 2 * num_rows + 0.2), layout="constrained"
    )
    grid = figure.subplots(num_rows, num_columns, squeeze=False).ravel()
    for axes in grid[len(titles) :]:
      axes.set_visible(False)
    for axes, title in zip(grid, titles, strict=False):
      _panel(axes, {name: found[name] for name in panels[title]})
      axes.set_title(title.replace("_", " "), fontsize=9)
    return figure


def reliability_diagram(
  points: Mapping[str, calibration.Reliability],
) -> matplotlib.figure.Figure:
  """Observed share of successes by predicted value, one line per verifier."""
  with matplotlib.rc_context(STYLE):
    figure = matplotlib.figure.Figure((4.2, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color=_BOUND, linewidth=1, linestyle="--")
    colors = _colors(list(points))
    for name, found in points.items():
      axes.errorbar(
        found.predicted,
        found.observed,
        yerr=[found.observed - found.low, found.high - found.observed],
        color=colors[name],
        marker="o",
        markersize=4,
        linewidth=1,
        label=name,
      )
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    axes.set_xlabel("predicted value")
    axes.set_ylabel("observed share (95 % interval)")
    axes.legend(loc="upper left")
    return figure


def to_svg(figure: matplotlib.figure.Figure) -> bytes:
  """The figure as an SVG file, letters as outlines."""
  buffer = io.BytesIO()
  with matplotlib.rc_context(STYLE):
    figure.savefig(buffer, format="svg", metadata={"Date": None})
  return buffer.getvalue()


def to_data_uri(figure: matplotlib.figure.Figure) -> str:
  """For the `src` of an `<img>`: nothing to load, nothing that can run."""
  code = base64.b64encode(to_svg(figure)).decode()
  return f"data:image/svg+xml;base64,{code}"


def _panel(axes: matplotlib.axes.Axes, found: Mapping[str, curves.Curve]):
  for name, curve in found.items():
    held_out = name.startswith("eval")
    axes.plot(
      curve.steps,
      curve.values,
      color=COLORS[1] if held_out else COLORS[0],
      marker="o" if held_out or len(curve.steps) == 1 else None,
      markersize=3,
      linewidth=1,
      label=name.partition("/")[0],
    )
  axes.set_xlabel("step")
  if len(found) > 1:
    axes.legend(fontsize=7)


def _colors(verifiers: Sequence[str]) -> dict[str, str]:
  others = [v for v in verifiers if v not in ("", tables.ORACLE)]
  found = {"": _ALONE, tables.ORACLE: _BOUND}
  found |= {v: COLORS[i % len(COLORS)] for i, v in enumerate(others)}
  return {verifier: found[verifier] for verifier in verifiers}


def _point(
  axes: matplotlib.axes.Axes,
  x: Sequence[float | int],
  y: Sequence[float | int],
  color: str,
  *,
  x_rows: Sequence[results.Row] = (),
  y_rows: Sequence[results.Row] = (),
  marker: str = "o",
) -> None:
  """Points, joined, with the rows' intervals along x or y."""
  axes.errorbar(
    x,
    y,
    xerr=np.array([reach(row) for row in x_rows]).T if x_rows else None,
    yerr=np.array([reach(row) for row in y_rows]).T if y_rows else None,
    color=color,
    marker=marker,
    markersize=5,
    linewidth=1,
    elinewidth=1,
  )


def _legend(
  figure: matplotlib.figure.Figure,
  colors: Mapping[str, str],
  markers: Mapping[str, str],
) -> None:
  """One entry per verifier and per method, not per pair."""
  line = matplotlib.lines.Line2D
  handles = [
    line([], [], color=color, linewidth=4, label=verifier or "no verifier")
    for verifier, color in colors.items()
  ]
  handles += [
    line([], [], color=_ALONE, marker=marker, linestyle="", label=method)
    for method, marker in markers.items()
  ]
  figure.legend(handles=handles, loc="outside right upper", fontsize=8)


def reach(row: results.Row) -> tuple[float | int, float | int]:
  """Lengths of the error bar, in points of accuracy."""
  low = row.value if row.ci_low is None else row.ci_low
  high = row.value if row.ci_high is None else row.ci_high
  return 100 * max(0.0, row.value - low), 100 * max(0.0, high - row.value)


def counter_title(counter: str) -> str:
  """`policy_tokens` -> `policy tokens`."""
  return counter.replace("_", " ").replace("flops", "FLOPs")


def _plain(value: float | int, _: int | None) -> str:
  return _THOUSANDS(value) if value >= 1e6 else f"{value:,.0f}"
