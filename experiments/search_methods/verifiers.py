"""Budget ratios of methods that have verifiers of their own, two by two.

  python experiments/search_methods/verifiers.py PAV.jsonl:step_beam \\
    ORM.jsonl:best_of_n ORM.jsonl:step_beam --out FILE

Files are those of `run.py`, joined where there are several seeds. A ratio
above 1 says that the second needs more of it for the same accuracy.
"""

import argparse
import itertools
import pathlib
from collections.abc import Iterator

import table

from prm_jax.eval import bootstrap
from prm_jax.reports import results

AXES = ("policy_tokens", "flops")


def curve(told: str) -> tuple[str, table.Curve]:
  """Name and runs of FILE:METHOD."""
  file, _, method = told.rpartition(":")
  path = pathlib.Path(file)
  found = table.curves(table.read(path))
  return f"{path.stem}: {method}", found[method]


def accuracies(name: str, runs: table.Curve) -> Iterator[results.Row]:
  for rows, run in runs.items():
    found = bootstrap.mean(run.correct)
    cost = {axis: float(run.cost[axis].mean()) for axis in AXES}
    yield results.Row(
      f"{name}, {rows} rows",
      "accuracy",
      found.value,
      found.low,
      found.high,
      len(run.correct),
      cost,
    )


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument("sides", nargs="+", help="FILE:METHOD")
  parser.add_argument("--out", type=pathlib.Path, required=True)
  args = parser.parse_args()
  sides = dict(map(curve, args.sides))
  rows = [row for side in sides.items() for row in accuracies(*side)]
  for pair, axis in itertools.product(itertools.combinations(sides, 2), AXES):
    found = table.ratio(sides, *pair, axis)
    if found is not None:
      rows.append(found)
  results.write(args.out, "verifiers", {"sides": args.sides}, rows)
  for row in rows:
    print(
      f"{row.name}, {row.metric}: {row.value:.3f} "
      f"({row.ci_low:.3f} to {row.ci_high:.3f}), n = {row.n}"
    )


if __name__ == "__main__":
  main()
