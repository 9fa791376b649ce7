"""Figures show the numbers they were given."""

import matplotlib
import numpy as np

from prm_jax.eval import calibration
from prm_jax.reports import curves, plots
from tests.reports import rows


def bars(axes):
  """((x, y) of the points, (low, high) of the bar) of each error bar."""
  return [
    (container[0].get_xydata(), container[2][0].get_segments())
    for container in axes.containers
  ]


def test_points_and_intervals_by_tokens():
  figure = plots.accuracy_by_cost(rows.ROWS)
  (axes,) = figure.axes
  drawn = bars(axes)
  measured = [row for row in rows.ROWS if row.metric == "accuracy"]
  assert len(drawn) == len(measured)
  for row, (points, segments) in zip(measured, drawn, strict=True):
    np.testing.assert_allclose(
      points, [[row.cost["policy_tokens"], 100 * row.value]]
    )
    np.testing.assert_allclose(
      segments[0][:, 1], [100 * row.ci_low, 100 * row.ci_high]
    )


def test_budgets_of_one_method_are_joined_in_order():
  own = [
    rows.row("particle/tvm", v, tokens=t) for v, t in ((0.4, 64), (0.2, 8))
  ]
  (axes,) = plots.accuracy_by_cost(own).axes
  ((points, _),) = bars(axes)
  assert points.tolist() == [[8, 20], [64, 40]]


def test_points_by_another_cost():
  own = [
    rows.row("best_of_n/tvm", v, cost={"flops": f, "policy_tokens": 7.0})
    for v, f in ((0.4, 6e9), (0.2, 1.5e9))
  ]
  figure = plots.accuracy_by_cost([*own, *rows.ROWS], "flops")
  (axes,) = figure.axes
  ((points, segments),) = bars(axes)  # rows without it are left out
  assert points.tolist() == [[1.5e9, 20], [6e9, 40]]
  np.testing.assert_allclose(segments[1][:, 1], [35, 46])
  assert axes.get_xlabel() == "FLOPs per problem"
  assert axes.xaxis.get_major_formatter()(1.5e9, None) == "1.5 G"
  assert axes.xaxis.get_major_formatter()(2048, None) == "2,048"


def test_methods_are_listed_from_the_top():
  figure = plots.accuracy_by_method(rows.ROWS)
  (axes,) = figure.axes
  labels = [text.get_text() for text in axes.get_yticklabels()]
  assert labels == [
    *("greedy", "pass@1", "tvm / best of n", "tvm / particle"),
    *("orm / best of n", "oracle / best of n", "oracle / pass@16"),
  ]
  heights = axes.get_yticks()
  assert (np.diff(heights) < 0).all()
  for (points, _), height in zip(bars(axes), heights, strict=True):
    assert points[0, 1] == height


def test_nothing_to_draw():
  wall = rows.ROWS[:1]
  assert plots.accuracy_by_cost(wall) is None
  assert plots.accuracy_by_method(wall) is None
  assert plots.training_curves({}) is None
  without_cost = [rows.row("a", 0.5, cost={})]
  assert plots.accuracy_by_cost(without_cost) is None


def test_training_and_evaluation_share_a_panel():
  steps = np.arange(3)
  found = {
    "train/speed": curves.Curve(steps, steps * 2.0),
    "train/loss": curves.Curve(steps, steps * 1.0),
    "eval/loss": curves.Curve(steps[:1], steps[:1] * 3.0),
  }
  figure = plots.training_curves(found)
  shown = [axes for axes in figure.axes if axes.get_visible()]
  assert [axes.get_title() for axes in shown] == ["loss", "speed"]
  lines = {line.get_label(): line for line in shown[0].lines}
  assert set(lines) == {"train", "eval"}
  assert lines["train"].get_ydata().tolist() == [0, 1, 2]


def test_many_metrics_are_cut_to_the_losses_first():
  steps = np.arange(2)
  names = [*(f"m{i}" for i in range(20)), "train/loss"]
  figure = plots.training_curves(
    {name: curves.Curve(steps, steps) for name in names}
  )
  titles = [axes.get_title() for axes in figure.axes]
  assert len(titles) == plots.MAX_PANELS
  assert titles[0] == "loss"


def test_reliability_diagram():
  rng = np.random.default_rng(0)
  p = rng.random(200)
  found = calibration.reliability(p, (rng.random(200) < p).astype(float))
  (axes,) = plots.reliability_diagram({"tvm": found}).axes
  ((points, _),) = bars(axes)
  np.testing.assert_allclose(points, np.stack(found[:2], 1))


def test_svg_is_reproducible_and_settings_stay_local():
  before = dict(matplotlib.rcParams)
  first, second = (
    plots.to_svg(plots.accuracy_by_cost(rows.ROWS[:3])) for _ in range(2)
  )
  assert first == second
  assert first.startswith(b"<?xml")
  assert dict(matplotlib.rcParams) == before
