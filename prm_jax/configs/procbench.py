"""Following instructions step by step (ProcBench, arXiv 2410.03117).

  prm-jax evaluate --benchmark procbench --input predictions.jsonl \\
    --workdir DIR

A line has `label` and `prediction`, each with `intermediate` and `final`.

Of a set that `prm-jax generate` wrote and a search of its problems:
`--input samples.jsonl --config.protocol.problems=set.jsonl`.
"""

import ml_collections

from prm_jax.configs import evaluation


def get_config() -> ml_collections.ConfigDict:
  return evaluation.base("procbench", problems="")
