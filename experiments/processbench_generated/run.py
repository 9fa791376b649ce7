"""Writes sets in the format of ProcessBench whose first errors are exact.

See README.md. One file per task and style, and counts of what is in them.
"""

import argparse
import collections
import json
import pathlib

from prm_jax.tasks import chain, error_sets, graph_arithmetic

TASKS = {
  "chain": chain.Chain(chain.Config(error_rate=0.15, recovery_rate=0.15)),
  "graph_arithmetic": graph_arithmetic.GraphArithmetic(
    graph_arithmetic.Config(error_rate=0.15, recovery_rate=0.3)
  ),
  "graph_mod7": graph_arithmetic.GraphArithmetic(
    graph_arithmetic.Config(modulus=7, error_rate=0.15, recovery_rate=0.3)
  ),
  # The problems and rates of the configs `chain_*`.
  "chain_mod3": chain.Chain(
    chain.Config(modulus=3, error_rate=0.2, recovery_rate=0.1, num_problems=200)
  ),
}
STYLES = ("numbers", "words")


def describe(rows):
  """Counts of the rows, and where their errors are."""
  counts = error_sets.count(rows)
  labels = collections.Counter(r["label"] for r in rows if r["label"] >= 0)
  return {
    **counts._asdict(),
    "first_errors": {str(k): labels[k] for k in sorted(labels)},
    "mean_steps": sum(len(row["steps"]) for row in rows) / len(rows),
  }


def main():
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument("--out", required=True, type=pathlib.Path)
  parser.add_argument("--rows", type=int, default=400)
  parser.add_argument("--split", default="test")
  parser.add_argument("--seed", type=int, default=0)
  own = parser.parse_args()
  own.out.mkdir(parents=True, exist_ok=True)
  found = {}
  for name, task in TASKS.items():
    for style in STYLES:
      rows = error_sets.make_rows(
        task, own.split, own.rows, style=style, seed=own.seed
      )
      path = own.out / f"{name}-{style}.jsonl"
      path.write_text(error_sets.to_lines(rows), encoding="utf-8")
    found[name] = describe(rows)
  text = json.dumps({"split": own.split, "seed": own.seed, "sets": found})
  (own.out / "counts.json").write_text(text + "\n")
  print(text)


if __name__ == "__main__":
  main()
