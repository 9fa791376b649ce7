"""What changing problems costs, paired by seed (arXiv 2505.23851, 2509.07711).

  prm-jax evaluate --benchmark perturbation --input answers.jsonl \\
    --workdir DIR

A line has `seed`, `correct` and `kind`; a seed problem's kind is `seed`.

Of a set that `prm-jax generate` wrote and a search of its problems:
`--input samples.jsonl --config.protocol.problems=set.jsonl`.
"""

import ml_collections

from prm_jax.configs import evaluation


def get_config() -> ml_collections.ConfigDict:
  return evaluation.base("perturbation", problems="")
