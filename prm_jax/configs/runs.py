"""Algorithms over seeds and tasks (arXiv 2108.13264).

  prm-jax evaluate --benchmark runs --input runs.jsonl --workdir DIR

A line has `algorithm`, `task`, `seed` and `score`.
"""

import ml_collections

from prm_jax.configs import evaluation


def get_config() -> ml_collections.ConfigDict:
  return evaluation.base(
    "runs",
    target=1.0,
    levels=(),  # of the profiles; none: from the lowest score to the highest
  )
