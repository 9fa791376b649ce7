"""Table and figure of the cells that `run.py` measured.

  python experiments/supervision/table.py --workdir WORK --out OUT

Means over seeds with Student's 95 % interval; `claims` are differences of
cells that share their seeds.
"""

import argparse
import json
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import run

from prm_jax.eval import seeds
from prm_jax.reports import results

METRICS = {
  "value_mse": "squared error to V",
  "spearman": "rank correlation",
  "ece": "ECE",
  "f1": "first-error F1",
  "best_of_n_last": "best of 16, last",
  "best_of_n_product": "best of 16, product",
}
# What is compared, and by which metrics.
CLAIMS: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
  "OmegaPRM and completions of every step": (
    *("halved", "soft"),
    ("value_mse", "spearman", "f1"),
  ),
  "soft and hard labels": (
    *("soft", "hard"),
    ("value_mse", "spearman", "f1", "best_of_n_product"),
  ),
  "filtered and plain hard labels": (
    *("agreed", "hard"),
    ("f1", "best_of_n_product"),
  ),
  "progress and hard labels": (
    *("progress", "hard"),
    ("f1", "best_of_n_product"),
  ),
  "TVM and soft step labels": (
    *("tvm", "soft"),
    ("value_mse", "spearman", "best_of_n_last"),
  ),
  "TVM and OVM": ("tvm", "ovm", ("value_mse", "spearman", "best_of_n_last")),
  "PQM and cross-entropy, same labels": (
    *("hard, pqm", "hard"),
    ("f1", "best_of_n_product"),
  ),
  "right steps and values": (
    *("oracle", "tvm"),
    ("value_mse", "f1", "best_of_n_product"),
  ),
}

Cells: TypeAlias = dict[tuple[str, int], dict[int, dict[str, Any]]]


def read(path: pathlib.Path) -> Cells:
  """By name and budget, then by seed."""
  found: Cells = {}
  for line in path.read_text().splitlines():
    cell = json.loads(line)
    where = cell["cell"], cell["budget"]
    found.setdefault(where, {})[cell["seed"]] = cell
  return found


def measured(cells: Cells) -> Iterator[results.Row]:
  for (name, budget), by_seed in cells.items():
    for metric in METRICS:
      own = seeds.mean(np.array([cell[metric] for cell in by_seed.values()]))
      cost = {
        "budget": budget,
        "tokens": float(np.mean([c["tokens"] for c in by_seed.values()])),
      }
      yield results.Row(name, metric, *own, len(by_seed), cost)


def claims(cells: Cells) -> Iterator[results.Row]:
  budget = max(budget for _, budget in cells)
  for title, (left, right, metrics) in CLAIMS.items():
    sides = [cells.get((name, budget), {}) for name in (left, right)]
    shared = sorted(sides[0].keys() & sides[1].keys())
    for metric in metrics if shared else ():
      pair = [np.array([side[s][metric] for s in shared]) for side in sides]
      own = seeds.difference(*pair)
      cost = {"budget": budget}
      yield results.Row(title, metric, *own, len(shared), cost)


def told(row: results.Row, signed: bool = False) -> str:
  sign = "+" if signed else ""
  if row.n < 2:
    return f"{row.value:{sign}.3f}"
  return (
    f"{row.value:{sign}.3f} ({row.ci_low:{sign}.3f} to {row.ci_high:{sign}.3f})"
  )


def markdown(rows: Sequence[results.Row]) -> Iterator[str]:
  yield "| labels, objective | tokens | " + " | ".join(METRICS.values()) + " |"
  yield "|---|---|" + "---|" * len(METRICS)
  by_cell: dict[tuple[str, float], dict[str, results.Row]] = {}
  for row in rows:
    by_cell.setdefault((row.name, row.cost["budget"]), {})[row.metric] = row
  for (name, budget), own in by_cell.items():
    cells = " | ".join(told(own[metric]) for metric in METRICS)
    yield f"| {name} | {budget:,.0f} | {cells} |"


def figure(rows: Sequence[results.Row], path: pathlib.Path) -> None:
  """Value error and first-error F1 against the tokens of the labels."""
  import matplotlib

  matplotlib.use("Agg")
  from matplotlib import pyplot

  drawn, axes = pyplot.subplots(1, 2, figsize=(11, 4.5))
  colors = pyplot.get_cmap("tab20").colors
  for axis, metric in zip(axes, ("value_mse", "f1"), strict=True):
    for color, name in zip(colors, run.CELLS, strict=False):
      own = sorted(
        (r.cost["budget"], r.value)
        for r in rows
        if r.name == name and r.metric == metric
      )
      if own:
        axis.plot(*zip(*own, strict=True), "o-", color=color, label=name)
    axis.set(xscale="log", xlabel="label cost, tokens", ylabel=METRICS[metric])
  axes[1].legend(loc="center left", bbox_to_anchor=(1.02, 0.5), fontsize=8)
  drawn.tight_layout()
  drawn.savefig(path, dpi=130)


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument("--workdir", type=pathlib.Path, required=True)
  parser.add_argument("--out", type=pathlib.Path, required=True)
  args = parser.parse_args()
  cells = read(args.workdir / run.FILE)
  rows, differences = list(measured(cells)), list(claims(cells))
  print(*markdown(rows), sep="\n")
  print("\n| claim | metric | difference | seeds |\n|---|---|---|---|")
  for row in differences:
    name = METRICS[row.metric]
    print(f"| {row.name} | {name} | {told(row, signed=True)} | {row.n} |")
  args.out.mkdir(parents=True, exist_ok=True)
  results.write(
    args.out / results.FILE, "supervision", {}, [*rows, *differences]
  )
  figure(rows, args.out / "supervision.png")


if __name__ == "__main__":
  main()
