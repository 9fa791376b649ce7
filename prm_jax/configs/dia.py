"""Reliability over instances of templates (DIA, arXiv 2410.15490).

  prm-jax evaluate --benchmark dia --input outcomes.jsonl --workdir DIR

A line has `template` and `outcome`: "correct", "wrong" or "unknown".

Of a set that `prm-jax generate` wrote and a search of its problems:
`--input samples.jsonl --config.protocol.problems=set.jsonl`.
"""

import ml_collections

from prm_jax.configs import evaluation


def get_config() -> ml_collections.ConfigDict:
  return evaluation.base("dia", problems="")
