"""RewardBench: pairs of answers (arXiv 2403.13787), math alone by default.

  prm-jax evaluate --benchmark rewardbench --input FILE --model DIR \\
    --workdir DIR

The argument is the subset, "all" for every one.
"""

import ml_collections

from prm_jax.configs import evaluation


def get_config(subset: str = "math-prm") -> ml_collections.ConfigDict:
  return evaluation.scored(
    "rewardbench",
    subset="" if subset == "all" else subset,
    aggregates=("min", "product", "mean", "last"),
    split="blank_line",
  )
