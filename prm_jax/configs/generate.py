"""Benchmark sets that are generated, with answers or first errors known.

  prm-jax generate --config generate:dia --workdir work/dia
  prm-jax search --config questions_search:best_of_n --policy DIR \\
    --input work/dia/set.jsonl --workdir work/answers
  prm-jax evaluate --benchmark dia --input work/answers/samples.jsonl \\
    --config.protocol.problems=work/dia/set.jsonl --workdir work/measured

The argument is the set: "procbench" (default, instructions with known states),
"dia" (templates with instances) and "perturbation" (algebra with variants)
pose problems to a policy as above; "chain" and "graph_arithmetic" are
solutions with their first error, to be given to `--benchmark processbench` as
they are. Seconds.
"""

from typing import Any

import ml_collections

# Rates as in `experiments/processbench_generated`; a tenth of the problems is
# in the test split.
_TASKS: dict[str, dict[str, Any]] = {
  "chain": {
    "name": "chain",
    "modulus": 10,
    "num_addends": 4,
    "error_rate": 0.15,
    "recovery_rate": 0.15,
    "num_problems": 6000,
    "seed": 0,
  },
  "graph_arithmetic": {
    "name": "graph_arithmetic",
    "modulus": 23,
    "num_quantities": 8,
    "min_operations": 2,
    "max_operations": 6,
    "error_rate": 0.15,
    "recovery_rate": 0.3,
    "num_problems": 6000,
    "seed": 0,
  },
}
_OPTIONS: dict[str, dict[str, Any]] = {
  # 2 to 25 steps: the short, medium and long ones of the paper.
  "procbench": {"step_counts": tuple(range(2, 26)), "per_count": 5},
  "dia": {"instances": 5},
  "perturbation": {"num_seeds": 90, "variants_per_kind": 2},
}


def get_config(name: str = "procbench") -> ml_collections.ConfigDict:
  c = ml_collections.ConfigDict()
  c.seed = 0
  if name in _OPTIONS:
    c.set = name
    c.options = _OPTIONS[name]
    return c
  c.set = "processbench"
  c.options = {
    "task": _TASKS[name],
    "split": "test",
    "num_rows": 400,
    "share_wrong": 0.5,
    "style": "numbers",  # or "words"
  }
  return c
