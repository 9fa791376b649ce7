"""Right solutions of problems, the more the harder they are (DART, 2407.13690).

  prm-jax label --config difficulty --policy RUN/policy/model \\
    --input problems.jsonl --workdir work/dart

The input holds problems: records, or {"question": ..., "answer": ...} lines
for the task "questions". The argument is the task, as in `rollouts`. Judged
samples go to `draws.jsonl` as they are written, what was kept of them to
`solutions.jsonl`, a line per problem to `searches.jsonl`, statistics and cost
to `label_stats.json`.
"""

import ml_collections

from prm_jax.configs import rollouts


def get_config(task: str = "game24") -> ml_collections.ConfigDict:
  c = rollouts.get_config(task)
  del c.rollouts, c.problems, c.split
  c.labeller.name = "difficulty"
  c.difficulty = {
    "rule": "uniform",  # or "difficulty": in proportion to the fail rate
    "num": 4,  # right solutions of a problem, or of the hardest
    "batch": 8,  # samples of a problem at a time
    "max_samples": 64,  # of a problem
    "probe": 8,  # of "difficulty": samples for a fail rate
    "distinct": False,  # equal right solutions count once
  }
  c.chunk = 64  # problems sampled between two writes
  return c
