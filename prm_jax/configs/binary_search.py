"""Step labels up to the first error, by halving (arXiv 2501.04686, 2406.06592).

  prm-jax label --config binary_search --policy RUN/policy/model \\
    --input solutions.jsonl --config.problems=problems.jsonl \\
    --workdir work/labels

As `rollouts`, with log2(steps) completed prefixes of a wrong solution. 128
solutions of Game of 24 take the quickstart's policy 1.1 CPU seconds.
"""

import ml_collections

from prm_jax.configs import rollouts


def get_config(task: str = "game24") -> ml_collections.ConfigDict:
  c = rollouts.get_config(task)
  del c.rollouts
  c.labeller.name = "binary_search"
  c.binary_search = {
    "num": 8,
    "threshold": 0.0,  # right: more than this share is correct
  }
  return c
