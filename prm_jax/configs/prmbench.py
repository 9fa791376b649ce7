"""PRMBench: which kinds of wrong steps are seen (arXiv 2501.03124).

  prm-jax evaluate --benchmark prmbench --input prmbench_preview.jsonl \\
    --model DIR --workdir DIR
"""

import ml_collections

from prm_jax.configs import evaluation


def get_config() -> ml_collections.ConfigDict:
  return evaluation.scored("prmbench", threshold=0.5)
