"""Tables and figures of the cells that `run.py` measured.

  python experiments/supervision/table.py --cells WORK/cells.jsonl ... --out OUT

Means over seeds with Student's 95 % interval; the comparisons are those of
`claims.py`.
"""

import argparse
import json
import pathlib
from collections.abc import Iterator, Sequence

import claims
import figures
import numpy as np

from prm_jax.eval import seeds
from prm_jax.reports import results

METRICS = {
  "value_mse": "squared error to V",
  "spearman": "rank correlation",
  "ece": "ECE",
  "f1": "first-error F1",
  "best_of_n_last": "best of 16, last",
  "best_of_n_product": "best of 16, product",
  "particle": "particles",
}


def read(paths: Sequence[pathlib.Path]) -> claims.Cells:
  found: claims.Cells = {}
  for path in paths:
    for line in path.read_text().splitlines():
      cell = json.loads(line)
      where = cell["task"], cell["cell"], cell["budget"]
      found.setdefault(where, {})[cell["seed"]] = cell
  return found


def measured(cells: claims.Cells) -> Iterator[results.Row]:
  for (task, name, budget), by_seed in cells.items():
    each = list(by_seed.values())
    tokens = float(np.mean([cell["tokens"] for cell in each]))
    for metric in METRICS:
      if metric in each[0]:
        own = seeds.mean(np.array([cell[metric] for cell in each]))
        cost = {"budget": budget, "tokens": tokens}
        yield results.Row(f"{task}/{name}", metric, *own, len(each), cost)


def told(row: results.Row, digits: int = 3) -> str:
  if row.n < 2:
    return f"{row.value:.{digits}f}"
  low, high = f"{row.ci_low:.{digits}f}", f"{row.ci_high:.{digits}f}"
  return f"{row.value:.{digits}f} ({low} to {high})"


def markdown(
  rows: Sequence[results.Row], task: str, most: int
) -> Iterator[str]:
  """The table of a task at its largest budget, most seeds first."""
  own: dict[str, dict[str, results.Row]] = {}
  for row in rows:
    where, name = row.name.split("/", 1)
    if where == task and row.cost["budget"] == most:
      own.setdefault(name, {})[row.metric] = row
  metrics = [m for m in METRICS if any(m in by for by in own.values())]
  titles = " | ".join(METRICS[m] for m in metrics)
  yield f"\n## {task}, {most:,} tokens\n"
  yield f"| labels, objective | seeds | {titles} |"
  yield "|---|---|" + "---|" * len(metrics)
  for name, by_metric in own.items():
    found = " | ".join(told(by_metric[m]) for m in metrics)
    yield f"| {name} | {by_metric[metrics[0]].n} | {found} |"


def _compared(rows: Sequence[results.Row]) -> Iterator[str]:
  yield "\n| compared | metric | left against right | seeds |"
  yield "|---|---|---|---|"
  for row in rows:
    yield f"| {row.name} | {row.metric} | {told(row)} | {row.n} |"


def _efficiencies(cells: claims.Cells) -> Iterator[results.Row]:
  for task in dict.fromkeys(task for task, _, _ in cells):
    for left, right in (
      *(("halved", "soft"), ("tvm", "soft"), ("tvm", "orm")),
      ("tvm", "implicit"),
    ):
      yield from claims.efficiency(cells, task, left, right, "value_mse")


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument("--cells", type=pathlib.Path, nargs="+", required=True)
  parser.add_argument("--out", type=pathlib.Path, required=True)
  args = parser.parse_args()
  cells = read(args.cells)
  rows = list(measured(cells))
  for task in dict.fromkeys(task for task, _, _ in cells):
    most = max(budget for own, _, budget in cells if own == task)
    print(*markdown(rows, task, most), sep="\n")
  compared = [*claims.compare(cells), *_efficiencies(cells)]
  print(*_compared(compared), sep="\n")
  args.out.mkdir(parents=True, exist_ok=True)
  results.write(args.out / results.FILE, "supervision", {}, [*rows, *compared])
  figures.cost(cells, args.out / "cost.png")
  figures.uses(cells, args.out / "supervision.png")


if __name__ == "__main__":
  main()
