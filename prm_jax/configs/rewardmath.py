"""RewardMATH: one right solution against nine wrong (arXiv 2410.01729).

  prm-jax evaluate --benchmark rewardmath --input RewardMATH_direct.json \\
    --model DIR --workdir DIR

By chance: accuracy 10 %, mean reciprocal rank 29.3 %.
"""

import ml_collections

from prm_jax.configs import evaluation


def get_config() -> ml_collections.ConfigDict:
  rules = ("min", "max", "product", "geometric_mean", "mean", "mean_logit")
  return evaluation.scored(
    "rewardmath", aggregates=(*rules, "mean_odd", "last")
  )
