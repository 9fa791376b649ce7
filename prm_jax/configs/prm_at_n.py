"""Best of N by a verifier, votes, over-optimisation (arXiv 2501.07301).

  prm-jax evaluate --benchmark prm_at_n --input solutions.jsonl \\
    --config.protocol.problems=problems.jsonl --model DIR --workdir DIR

The input holds N judged solutions of each problem, or the `samples.jsonl` of
`prm-jax search`, whose own scores are taken where no others are given.
"""

import ml_collections

from prm_jax.configs import evaluation


def get_config() -> ml_collections.ConfigDict:
  return evaluation.scored(
    "prm_at_n",
    problems="",
    aggregates=("min", "product", "mean", "last"),
    ks=(),  # 1, 2, 4, ... and all
    threshold=0.5,
  )
