"""Verdicts on all steps of trajectories, after errors as well.

  prm-jax evaluate --benchmark trajectories --input labels.jsonl \\
    --config.protocol.problems=problems.jsonl --model DIR --workdir DIR
"""

import ml_collections

from prm_jax.configs import evaluation


def get_config() -> ml_collections.ConfigDict:
  return evaluation.scored("trajectories", problems="", threshold=0.5)
