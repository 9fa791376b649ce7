"""Step labels and pairs by OmegaPRM (arXiv 2406.06592).

  prm-jax label --config omega --policy RUN/policy/model \\
    --input problems.jsonl --workdir work/omega

The input holds problems: records, or {"question": ..., "answer": ...} lines
for the task "questions". The argument is the task, as in `rollouts`. Labels
with counts at their last step go to `labels.jsonl`, pairs of siblings to
`pairs.jsonl`, a line per problem to `searches.jsonl`; statistics and cost to
`label_stats.json`. 64 puzzles of Game of 24 at a tenth of the paper's searches
take the quickstart's policy 7 CPU seconds.
"""

import ml_collections

from prm_jax.configs import rollouts


def get_config(task: str = "game24") -> ml_collections.ConfigDict:
  c = rollouts.get_config(task)
  del c.rollouts, c.problems, c.split
  c.labeller.name = "omega"
  c.omega = {
    "num": 8,  # completions of a state
    "root_num": 32,  # of the problem itself
    "num_searches": 100,  # of a problem, at most
    "alpha": 0.5,
    "beta": 0.9,
    "length_scale": 500.0,
    "length": "tokens",  # or "words"
    "c_puct": 0.125,
    "pool": "wrong",  # or "all"
    "visits": "selected",  # or "completed"
    "segments": 0,  # 16: halves down to 1/16 of a solution, 0: to a step
    "parallel": 1,  # searches of a problem at a time
    "edges": "single",  # or "all"
    "targets": "soft",  # or "hard"
  }
  c.pairs = {"rule": "all", "margin": 0.0}
  c.chunk = 64  # problems searched at a time
  return c
