"""Figures of benchmarks, from the rows of `results.json`."""

from collections.abc import Sequence

import matplotlib
import matplotlib.figure
import matplotlib.ticker
import numpy as np

from prm_jax.eval import calibration
from prm_jax.eval.benchmarks import algorithms, probabilities
from prm_jax.eval.benchmarks import best_of_n as best_of_n_lib
from prm_jax.reports import plots, results

# Of one group of bars.
_SHARES = ("error_accuracy", "correct_accuracy", "f1")
MAX_CURVES = 6


def subset_bars(
  rows: Sequence[results.Row],
) -> matplotlib.figure.Figure | None:
  """Accuracies and F1 of each subset, side by side, with intervals.

  None where no row is an F1.
  """
  subsets = list(dict.fromkeys(r.name for r in rows if r.metric == "f1"))
  if not subsets:
    return None
  own = {(r.name, r.metric): r for r in rows if r.metric in _SHARES}
  with matplotlib.rc_context(plots.STYLE):
    figure = matplotlib.figure.Figure(
      (max(3.6, 1.2 * len(subsets) + 1.6), 3), layout="constrained"
    )
    axes = figure.subplots()
    for i, metric in enumerate(_SHARES):
      places = [x for x, name in enumerate(subsets) if (name, metric) in own]
      found = [own[subsets[x], metric] for x in places]
      axes.bar(
        [x + 0.27 * (i - 1) for x in places],
        [100 * row.value for row in found],
        0.25,
        yerr=np.array([plots.reach(row) for row in found]).reshape(-1, 2).T,
        color=plots.COLORS[i],
        error_kw={"elinewidth": 1},
        label=metric.replace("_", " "),
      )
    axes.set_xticks(range(len(subsets)), subsets)
    axes.set_ylim(0, 100)
    axes.set_ylabel("% (95 % interval)")
    axes.grid(visible=False, axis="x")
    figure.legend(loc="outside lower center", ncols=3, fontsize=8)
    return figure


def reliability(
  rows: Sequence[results.Row],
) -> matplotlib.figure.Figure | None:
  """Observed share by predicted value; None where no row is a point."""
  points = [
    r
    for r in rows
    if r.metric == probabilities.RELIABILITY and r.at is not None
  ]
  if not points:
    return None
  found = {}
  for name in list(dict.fromkeys(r.name for r in points))[:MAX_CURVES]:
    own = [r for r in points if r.name == name]
    found[name] = calibration.Reliability(
      predicted=np.array([r.at for r in own], float),
      observed=np.array([r.value for r in own], float),
      size=np.array([r.n for r in own]),
      low=np.array([r.value if r.ci_low is None else r.ci_low for r in own]),
      high=np.array([r.value if r.ci_high is None else r.ci_high for r in own]),
    )
  return plots.reliability_diagram(found)


def best_of_n(rows: Sequence[results.Row]) -> matplotlib.figure.Figure | None:
  """The truth beside the proxy as N grows, one line per rule.

  None where no row is a point of such a curve.
  """
  panels = {
    best_of_n_lib.GOLD: "correct, % (95 % interval)",
    best_of_n_lib.PROXY: "score of the verifier",
  }
  points = [r for r in rows if r.metric in panels and r.at is not None]
  if not points:
    return None
  names = list(dict.fromkeys(r.name for r in points))[:MAX_CURVES]
  with matplotlib.rc_context(plots.STYLE):
    figure = matplotlib.figure.Figure((7.2, 3.2), layout="constrained")
    grid = figure.subplots(1, 2)
    for axes, (metric, title) in zip(grid, panels.items(), strict=True):
      scale = 100 if metric == best_of_n_lib.GOLD else 1
      for i, name in enumerate(names):
        own = [r for r in points if (r.name, r.metric) == (name, metric)]
        own.sort(key=lambda r: r.at or 0)
        axes.errorbar(
          [r.at for r in own],
          [scale * r.value for r in own],
          yerr=np.array([plots.reach(r) for r in own]).T * scale / 100,
          color=plots.COLORS[i],
          marker=plots.MARKERS[i],
          markersize=4,
          linewidth=1,
          label=name if axes is grid[0] else None,
        )
      axes.set_xscale("log", base=2)
      axes.xaxis.set_major_formatter(matplotlib.ticker.ScalarFormatter())
      axes.set_xlabel("N")
      axes.set_ylabel(title)
    figure.legend(loc="outside lower center", ncols=len(names), fontsize=8)
    return figure


def profiles(rows: Sequence[results.Row]) -> matplotlib.figure.Figure | None:
  """Share of runs above each score, one band per algorithm.

  None where no row is a point of a profile.
  """
  points = [r for r in rows if r.metric == algorithms.PROFILE]
  if not points:
    return None
  names = list(dict.fromkeys(r.name for r in points))[:MAX_CURVES]
  with matplotlib.rc_context(plots.STYLE):
    figure = matplotlib.figure.Figure((4.4, 3.2), layout="constrained")
    axes = figure.subplots()
    for name, color in zip(names, plots.COLORS, strict=False):
      own = sorted(
        (r for r in points if r.name == name), key=lambda r: r.at or 0
      )
      at, value = [r.at or 0 for r in own], np.array([r.value for r in own])
      reach = np.array([plots.reach(r) for r in own]).T
      axes.plot(at, 100 * value, color=color, linewidth=1, label=name)
      axes.fill_between(
        at,
        100 * value - reach[0],
        100 * value + reach[1],
        color=color,
        alpha=0.2,
        linewidth=0,
      )
    axes.set_xlabel("score")
    axes.set_ylabel("runs above it, % (95 % interval)")
    figure.legend(loc="outside lower center", ncols=len(names), fontsize=8)
    return figure
