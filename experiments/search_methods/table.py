"""Table, figure and budget ratios of what `run.py` measured.

  python experiments/search_methods/table.py --workdir WORK --out OUT

Reads WORK/*.jsonl; writes OUT/results.json and OUT/accuracy.png and prints
the tables as Markdown.
"""

import argparse
import dataclasses
import itertools
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import figure
import numpy as np
import run
import variants

from prm_jax.build import searches
from prm_jax.eval import bootstrap, pareto
from prm_jax.reports import results

TASKS = ("game24", "countdown")
SPLIT = "test"
AXES = ("rows", "policy_tokens", "flops", "depth")
COMPARED = ("rows", "policy_tokens", "flops")
# Other answers of the same cells: name -> (cell, field of its `correct`).
ANSWERS = {
  "weighted_vote": ("best_of_n", "weighted"),
  "particle_vote": ("particle_difference", "weighted"),
  "pass_at_n": ("majority", "any"),
}
TITLES = {
  "sampling": "votes",
  "beams": "beams",
  "groups": "groups",
  "particles": "particles",
  "trees": "trees",
  "tree_papers": "trees by paper",
  "speculative": "two policies",
}
DETERMINISTIC = ("step_beam", "step_beam_quarter", "dvts")
PARTICLES = ("particle", "particle_difference")
# Early rejection and the beam of the same shape.
REJECTIONS = {
  "early_rejection": "step_beam",
  "earlier_rejection": "step_beam",
  "early_rejection_quarter": "step_beam_quarter",
  "earlier_rejection_quarter": "step_beam_quarter",
}

Cells: TypeAlias = dict[tuple[str, int], dict[str, Any]]
Curve: TypeAlias = dict[int, pareto.Run]  # by rows


def read(path: pathlib.Path) -> Cells:
  """Cells by method and rows, those with the most problems of each.

  Where there are several seeds, what a problem has is the mean over them.
  """
  seeds: dict[tuple[str, int], list[dict[str, Any]]] = {}
  for cell in run.read(path):
    if cell["split"] == SPLIT:
      seeds.setdefault((cell["method"], cell["rows"]), []).append(cell)
  found = {where: mean_of(own) for where, own in seeds.items()}
  for name, (source, answer) in ANSWERS.items():
    for (method, rows), cell in list(found.items()):
      if method == source:
        correct = {**cell["correct"], "chosen": cell["correct"][answer]}
        found[name, rows] = {**cell, "correct": correct}
  return found


def mean_of(cells: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
  """One cell of many, of which the longest alone count."""
  most = max(cell["num_problems"] for cell in cells)
  by_seed = {c["seed"]: c for c in cells if c["num_problems"] == most}
  first = next(iter(by_seed.values()))
  means = {
    group: {
      name: np.mean([cell[group][name] for cell in by_seed.values()], axis=0)
      for name in first[group]
    }
    for group in ("correct", "cost")
  }
  return {**first, **means, "seeds": len(by_seed)}


def curves(cells: Cells, answer: str = "chosen") -> dict[str, Curve]:
  """Per method its runs, by rows; `answer` is a field of `correct`."""
  found: dict[str, Curve] = {}
  for (name, rows), cell in sorted(cells.items(), key=lambda item: item[0][1]):
    correct = np.array(cell["correct"][answer])
    cost = {k: np.array(v) for k, v in cell["cost"].items()}
    cost["rows"] = np.full(len(correct), float(rows))
    cost = {axis: cost[axis] for axis in AXES}
    found.setdefault(name, {})[rows] = pareto.Run(name, correct, cost)
  return found


def common(runs: Sequence[pareto.Run]) -> list[pareto.Run]:
  """The problems that all runs have: each has the first of the split."""
  least = min(len(run.correct) for run in runs)
  return [
    pareto.Run(
      r.name, r.correct[:least], {k: v[:least] for k, v in r.cost.items()}
    )
    for r in runs
  ]


def ratio(
  found: Mapping[str, Curve], better: str, baseline: str, axis: str
) -> results.Row | None:
  """Budget of the baseline over that of the other at equal accuracy."""
  if better not in found or baseline not in found:
    return None
  mine, theirs = found[better], found[baseline]
  budgets = sorted(mine.keys() & theirs.keys())
  if len(budgets) < 2:
    return None
  runs = common([curve[rows] for curve in (mine, theirs) for rows in budgets])
  left, right = runs[: len(budgets)], runs[len(budgets) :]
  value = pareto.budget_ratio(left, right, axis)
  level = pareto.highest_common(
    *(np.array([r.correct.mean() for r in side]) for side in (left, right))
  )
  return results.Row(
    name=f"{better} over {baseline}",
    metric=f"budget ratio in {axis}",
    value=value.value,
    ci_low=value.low,
    ci_high=value.high,
    n=len(runs[0].correct),
    cost={"level": level, "most_rows": budgets[-1]},
  )


def ratios(found: Mapping[str, Curve]) -> Iterator[results.Row]:
  pairs = [
    *(
      (p, d, axis)
      for p in PARTICLES
      for d in DETERMINISTIC
      for axis in COMPARED
    ),
    *((r, beam, "flops") for r, beam in REJECTIONS.items()),
    *((name, "best_of_n", "flops") for name in found if name != "best_of_n"),
  ]
  for better, baseline, axis in pairs:
    row = ratio(found, better, baseline, axis)
    if row is not None:
      yield row


def voted_ratios(found: Mapping[str, Curve]) -> Iterator[results.Row]:
  """Of the first claim, where all searches answer by a weighted vote."""
  for better, baseline in itertools.product(PARTICLES, DETERMINISTIC):
    row = ratio(found, better, baseline, "flops")
    if row is not None:
      yield dataclasses.replace(row, name=f"{row.name} by votes")


def families(names: Sequence[str]) -> dict[str, list[str]]:
  found: dict[str, list[str]] = {}
  for name in names:
    source = ANSWERS[name][0] if name in ANSWERS else name
    method = searches.METHODS[variants.variant(source).method]
    module = method.__module__.rpartition(".")[2]
    found.setdefault(TITLES.get(module, module), []).append(name)
  return found


def accuracies(task: str, points: Sequence[pareto.Point]) -> list[results.Row]:
  return [
    results.Row(
      name=f"{point.name}/{task}",
      metric="accuracy",
      value=point.accuracy.value,
      ci_low=point.accuracy.low,
      ci_high=point.accuracy.high,
      n=point.num_problems,
      cost={axis: cost.value for axis, cost in point.cost.items()},
    )
    for point in points
  ]


def votes(cells: Cells, task: str) -> Iterator[results.Row]:
  """What weighted votes of the same rows come to."""
  for (name, rows), cell in cells.items():
    if name in variants.names() and variants.variant(name).guided:
      correct = np.array(cell["correct"]["weighted"])
      found = bootstrap.accuracy(correct)
      yield results.Row(
        name=f"{name}/{task}",
        metric="accuracy of a weighted vote",
        value=found.value,
        ci_low=found.low,
        ci_high=found.high,
        n=len(correct),
        cost={"rows": rows},
      )


def markdown(
  points: Sequence[pareto.Point], voted: Mapping[tuple[str, float], float]
) -> Iterator[str]:
  """A line per method, a column per budget."""
  budgets = sorted({point.cost["rows"].value for point in points})
  yield (
    "| method | " + " | ".join(f"{rows:.0f} rows" for rows in budgets) + " |"
  )
  yield "|---|" + "---|" * len(budgets)
  by_name: dict[str, dict[float, pareto.Point]] = {}
  for point in points:
    by_name.setdefault(point.name, {})[point.cost["rows"].value] = point
  for name, own in by_name.items():
    cells = [
      _cell(own[rows], voted.get((name, rows))) if rows in own else ""
      for rows in budgets
    ]
    yield f"| {name.replace('_', ' ')} | " + " | ".join(cells) + " |"


def _cell(point: pareto.Point, vote: float | None) -> str:
  low, high = 100 * point.accuracy.low, 100 * point.accuracy.high
  tokens = point.cost["policy_tokens"].value
  flops = point.cost["flops"].value / 1e6
  voted = "" if vote is None else f" [{100 * vote:.1f}]"
  return (
    f"**{100 * point.accuracy.value:.1f}** ({low:.0f} to {high:.0f}){voted}; "
    f"{tokens:,.0f} t, {flops:,.0f} M"
  )


def ratio_lines(rows: Sequence[results.Row]) -> Iterator[str]:
  yield "| pair | cost | at accuracy | ratio | 95 % interval | n |"
  yield "|---|---|---|---|---|---|"
  for row in rows:
    high = "∞" if row.ci_high == float("inf") else f"{row.ci_high:.2g}"
    yield (
      f"| {row.name.replace('_', ' ')} | {row.metric.split()[-1]} | "
      f"{100 * row.cost['level']:.0f} % | {row.value:.2g} | "
      f"{row.ci_low:.2g} to {high} | {row.n} |"
    )


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument("--workdir", type=pathlib.Path, required=True)
  parser.add_argument("--out", type=pathlib.Path, required=True)
  args = parser.parse_args()
  points, rows, names = {}, [], {}
  for task in TASKS:
    cells = read(args.workdir / f"{task}.jsonl")
    if not cells:
      continue
    found = curves(cells)
    order = [n for n in (*ANSWERS, *variants.names()) if n in found]
    runs = [r for name in order for r in found[name].values()]
    points[task] = [
      point
      for size in sorted({len(run.correct) for run in runs}, reverse=True)
      for point in pareto.table([r for r in runs if len(r.correct) == size])
    ]
    own = [*ratios(found), *voted_ratios(curves(cells, "weighted"))]
    rows += accuracies(task, points[task])
    rows += [_of_task(row, task) for row in own]
    names |= dict.fromkeys(order)
    polled = list(votes(cells, task))
    rows += polled
    voted = {
      (row.name.partition("/")[0], float(row.cost["rows"])): float(row.value)
      for row in polled
    }
    print(f"\n{task}\n", *markdown(points[task], voted), sep="\n")
    print("\n", *ratio_lines(own), sep="\n")
  args.out.mkdir(parents=True, exist_ok=True)
  config = {name: str(variants.variant(name)) for name in variants.names()}
  results.write(args.out / results.FILE, "search methods", config, rows)
  drawn = figure.draw(points, families(list(names)), "policy_tokens")
  drawn.savefig(args.out / "accuracy.png", dpi=130)


def _of_task(row: results.Row, task: str) -> results.Row:
  return dataclasses.replace(row, name=f"{row.name}/{task}")


if __name__ == "__main__":
  main()
