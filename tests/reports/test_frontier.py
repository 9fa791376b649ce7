"""The table of runs by cost, and its rows."""

import numpy as np

from prm_jax.eval import pareto
from prm_jax.reports import frontier, plots, tables


def make_run(name, accuracy, **costs):
  correct = (np.arange(20) < round(accuracy * 20)).astype(float)
  return pareto.Run(
    name, correct, {a: np.full(20, float(c)) for a, c in costs.items()}
  )


POINTS = pareto.table(
  [
    make_run("greedy", 0.25, policy_tokens=40),
    make_run("best_of_n/tvm", 0.5, policy_tokens=1640, flops=3e9),
    make_run("beam/tvm", 0.5, policy_tokens=820, flops=4e9),
  ],
  num_resamples=50,
)


def test_cells():
  found = frontier.table(POINTS)
  assert found.header == (
    *("verifier", "method", "accuracy", "95 % interval"),
    *("policy tokens", "FLOPs"),
  )
  none, tvm = found.groups
  assert (none.title, tvm.title) == ("none", "tvm")
  assert none.lines[0].cells[3:] == ("◆ 40 (40 to 40)", "-")
  assert [line.cells[0] for line in tvm.lines] == ["best of n", "beam"]
  assert tvm.lines[0].cells[1] == "50.0 %"
  assert tvm.lines[0].cells[3:] == (
    "1,640 (1,640 to 1,640)",
    "◆ 3e+09 (3e+09 to 3e+09)",
  )
  assert tvm.lines[1].cells[3:] == (
    "◆ 820 (820 to 820)",
    "4e+09 (4e+09 to 4e+09)",
  )
  text = tables.to_markdown(found)
  assert len({len(line) for line in text.splitlines()}) == 1


def test_rows_are_those_that_figures_take():
  rows = frontier.rows(POINTS)
  assert [row.n for row in rows] == [20] * 3
  assert rows[1].value == 0.5
  assert rows[1].ci_low < 0.5 < rows[1].ci_high
  assert rows[1].cost == {"policy_tokens": 1640, "flops": 3e9}
  (axes,) = plots.accuracy_by_cost(rows, "flops").axes
  drawn = [c[0].get_xydata().tolist() for c in axes.containers]
  assert drawn == [[[3e9, 50]], [[4e9, 50]]]


def test_nothing_to_show():
  assert frontier.table([]) == tables.Table(
    ("verifier", "method", "accuracy", "95 % interval"), ()
  )
