"""Figures of benchmarks: what is drawn, and where it stands."""

import numpy as np
import pytest

from prm_jax.reports import benchmark_plots, html, plots, results, tables

BARS = (
  results.Row("a", "f1", 0.6, 0.5, 0.7, 40),
  results.Row("a", "error_accuracy", 0.5, 0.4, 0.6, 20),
  results.Row("a", "correct_accuracy", 0.75, 0.6, 0.9, 20),
  results.Row("average", "f1", 0.55, 0.5, 0.6, 80),
)
POINTS = (
  results.Row("a", "reliability", 0.1, 0.05, 0.2, 30, at=0.15),
  results.Row("a", "reliability", 0.8, 0.7, 0.9, 10, at=0.95),
)
CURVE = tuple(
  results.Row("min", metric, value, value - 0.1, value + 0.1, 9, at=float(n))
  for metric, values in {
    "proxy_at_n": (0.5, 0.8),
    "gold_at_n": (0.4, 0.3),
  }.items()
  for n, value in zip((1, 4), values, strict=True)
)
PROFILE = tuple(
  results.Row("ppo", "performance_profile", v, v - 0.1, v, 9, at=at)
  for at, v in ((0.0, 1.0), (0.5, 0.25))
)


def test_bars_stand_where_the_numbers_are():
  figure = benchmark_plots.subset_bars(BARS)
  (axes,) = figure.axes
  heights = sorted(patch.get_height() for patch in axes.patches)
  assert heights == pytest.approx([50, 55, 60, 75])
  labels = [text.get_text() for text in axes.get_xticklabels()]
  assert labels == ["a", "average"]


def test_points_of_reliability():
  (axes,) = benchmark_plots.reliability(POINTS).axes
  line = axes.containers[0].lines[0]
  np.testing.assert_allclose(line.get_xydata(), [[0.15, 0.1], [0.95, 0.8]])


def test_truth_beside_the_proxy():
  gold, proxy = benchmark_plots.best_of_n(CURVE).axes
  np.testing.assert_allclose(
    gold.containers[0].lines[0].get_xydata(), [[1, 40], [4, 30]]
  )
  np.testing.assert_allclose(
    proxy.containers[0].lines[0].get_xydata(), [[1, 0.5], [4, 0.8]]
  )


def test_profiles_with_their_bands():
  (axes,) = benchmark_plots.profiles(PROFILE).axes
  np.testing.assert_allclose(axes.lines[0].get_xydata(), [[0, 100], [0.5, 25]])
  band = axes.collections[0].get_paths()[0].vertices
  assert {(0, 90), (0.5, 15)} <= {tuple(p) for p in band.round(6).tolist()}


def test_nothing_to_draw():
  rows = [results.Row("greedy", "accuracy", 0.5)]
  for draw in (
    benchmark_plots.subset_bars,
    benchmark_plots.reliability,
    benchmark_plots.best_of_n,
    benchmark_plots.profiles,
  ):
    assert draw(rows) is None


def test_all_of_them_are_on_the_page(tmp_path):
  given = BARS + POINTS + CURVE + PROFILE
  results.write(tmp_path / results.FILE, "evaluate", {}, given)
  read = results.read(tmp_path / results.FILE).rows
  assert [row.at for row in read] == [
    *([None] * 4 + [0.15, 0.95, 1, 4, 1, 4]),
    *(0, 0.5),
  ]
  section = html.gather(tmp_path)
  titles = [figure.title for figure in section.figures]
  assert titles == [
    *("F1 by subset", "Reliability", "Best of N"),
    "Performance profiles",
  ]
  assert section.measurements is not None
  groups = [group.title for group in section.measurements.groups]
  assert groups == ["f1", "error_accuracy", "correct_accuracy"]
  assert plots.to_svg(benchmark_plots.best_of_n(read)).startswith(b"<?xml")
  assert tables.measurement_table(POINTS).groups == ()
