"""Reward consistency on pairs of instructions (arXiv 2309.16155).

  prm-jax evaluate --benchmark consistency --input pairs.jsonl --model DIR \\
    --workdir DIR

A line has `instruction`, `response`, `other_instruction`, `other_response`.
"""

import ml_collections

from prm_jax.configs import evaluation


def get_config() -> ml_collections.ConfigDict:
  return evaluation.scored(
    "consistency",
    aggregates=("min", "product", "mean", "last"),
    split="blank_line",
  )
