"""Do the probabilities of steps mean what they say? With a conformal threshold.

  prm-jax evaluate --benchmark calibration --input labels.jsonl \\
    --config.protocol.problems=problems.jsonl --model DIR --workdir DIR
"""

import ml_collections

from prm_jax.configs import evaluation


def get_config() -> ml_collections.ConfigDict:
  return evaluation.scored("calibration", problems="", num_bins=15, level=0.1)
