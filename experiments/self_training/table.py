"""Table and curve of the rounds that `run.py` measured.

  python experiments/self_training/table.py --workdir WORK --out OUT

Intervals are bootstrapped over problems and seeds.
"""

import argparse
import itertools
import json
import pathlib
from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
import run

from prm_jax.eval import bootstrap
from prm_jax.reports import results

SHOWN = {
  "greedy": "greedy",
  "pass_at_1": "pass@1",
  "best_of_8": "best of 8",
  "step_beam": "step beam",
  "search": "own search",
}
TOLD = {
  "search_tokens": "tokens",
  "correct": "right",
  "traces": "traces",
  "solved": "solved",
  "auc_way": "AUC, way",
  "auc_end": "AUC, end",
}

# by loop and round: one cell for each seed
Cells: TypeAlias = dict[tuple[str, int], list[dict[str, Any]]]


def read(path: pathlib.Path) -> Cells:
  found: Cells = {}
  for line in path.read_text().splitlines():
    cell = json.loads(line)
    found.setdefault((cell["loop"], cell["round"]), []).append(cell)
  return dict(sorted(found.items()))


def of_problems(cells: list[dict[str, Any]], name: str) -> np.ndarray:
  """[s, n] accuracies."""
  return np.array([cell["each"][name] for cell in cells])


def accuracies(cells: Cells) -> Iterator[results.Row]:
  for (loop, index), own in cells.items():
    for name in own[0]["each"]:
      correct = of_problems(own, name)
      found = bootstrap.seeded_mean(correct)
      yield results.Row(
        f"{loop}/round {index}",
        name,
        *(found.value, found.low, found.high),
        n=correct.shape[1],
        cost={"seeds": len(own), "tokens": mean(own, "search_tokens")},
      )


def gains(cells: Cells) -> Iterator[results.Row]:
  """What the last round of a loop is above the first, and each above another.

  Loops are compared in the last round that all have.
  """
  rounds = {loop: [i for name, i in cells if name == loop] for loop, _ in cells}
  for loop, own in rounds.items():
    pairs = [(min(own), max(own)), *itertools.pairwise(own)]
    for first, last in dict.fromkeys(pairs):
      name = f"{loop}, rounds {first} to {last}"
      yield from differences(name, cells[loop, first], cells[loop, last])
  end = min(map(max, rounds.values()))
  for one, other in itertools.combinations(rounds, 2):
    name = f"{one} over {other}, round {end}"
    yield from differences(name, cells[other, end], cells[one, end])


def differences(
  name: str, first: list[dict[str, Any]], last: list[dict[str, Any]]
) -> Iterator[results.Row]:
  """What the last cells are above the first, problem by problem."""
  known = {cell["seed"] for cell in last} & {cell["seed"] for cell in first}
  sides = [
    sorted(
      (cell for cell in side if cell["seed"] in known),
      key=lambda cell: cell["seed"],
    )
    for side in (first, last)
  ]
  for metric in sides[0][0]["each"]:
    if metric not in sides[1][0]["each"]:
      continue  # no search of its own
    gain = of_problems(sides[1], metric) - of_problems(sides[0], metric)
    found = bootstrap.seeded_mean(gain)
    yield results.Row(
      name,
      f"gain of {metric}",
      *(found.value, found.low, found.high),
      n=gain.shape[1],
      cost={"seeds": len(known)},
    )


def mean(cells: list[dict[str, Any]], name: str) -> float | None:
  if any(name not in cell for cell in cells):
    return None
  return float(np.mean([cell[name] for cell in cells]))


def markdown(cells: Cells, rows: list[results.Row]) -> Iterator[str]:
  titles = ["loop", "round", "seeds", *SHOWN.values(), *TOLD.values()]
  yield "| " + " | ".join(titles) + " |"
  yield "|---" * len(titles) + "|"
  by_name: dict[str, dict[str, results.Row]] = {}
  for row in rows:
    by_name.setdefault(row.name, {})[row.metric] = row
  for (loop, index), own in cells.items():
    found = by_name[f"{loop}/round {index}"]
    shown = [percent(found[name]) if name in found else "" for name in SHOWN]
    told = [number(mean(own, name)) for name in TOLD]
    start = [loop.replace("_", " "), str(index), str(len(own))]
    yield "| " + " | ".join([*start, *shown, *told]) + " |"


def percent(row: results.Row) -> str:
  low, high = 100 * row.ci_low, 100 * row.ci_high
  return f"{100 * row.value:.1f} ({low:.0f} to {high:.0f})"


def number(value: float | None) -> str:
  if value is None:
    return ""
  return f"{value:,.0f}" if value > 1 else f"{value:.2f}"


def draw(cells: Cells, path: pathlib.Path) -> None:
  from matplotlib import pyplot

  drawn, axes = pyplot.subplots(
    1, len(SHOWN), figsize=(3.4 * len(SHOWN), 3.4), sharey=True
  )
  for axis, (name, title) in zip(axes, SHOWN.items(), strict=True):
    for loop in dict.fromkeys(loop for loop, _ in cells):
      own = [
        (index, 100 * of_problems(group, name))
        for (other, index), group in cells.items()
        if other == loop and name in group[0]["each"]
      ]
      if own:
        rounds, each = zip(*own, strict=True)
        axis.plot(rounds, [np.mean(x) for x in each], "o-", label=loop)
    axis.set(title=title, xlabel="round")
    axis.xaxis.set_major_locator(pyplot.MaxNLocator(integer=True))
  axes[0].set_ylabel("accuracy, %")
  axes[0].legend()
  drawn.tight_layout()
  drawn.savefig(path, dpi=110)


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument("--workdir", type=pathlib.Path, required=True)
  parser.add_argument("--out", type=pathlib.Path, required=True)
  args = parser.parse_args()
  cells = read(args.workdir / run.FILE)
  rows = list(accuracies(cells))
  change = list(gains(cells))
  results.write(args.out / results.FILE, "self_training", {}, [*rows, *change])
  draw(cells, args.out / "curve.png")
  print("\n".join(markdown(cells, rows)))
  print()
  for row in change:
    print(f"{row.name}: {row.metric} {percent(row)}, {row.cost['seeds']} seeds")


if __name__ == "__main__":
  main()
