"""ProcessBench by a critic's words: the index in the last box.

  prm-jax evaluate --benchmark critic --input FILE_OR_FOLDER \\
    --config.protocol.critiques=critiques.jsonl --workdir DIR

A line of critiques is `{"id": ..., "texts": [...]}`; several texts vote.
"""

import ml_collections

from prm_jax.configs import evaluation


def get_config() -> ml_collections.ConfigDict:
  return evaluation.base("critic", critiques="", votes=0)
