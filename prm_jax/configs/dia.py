"""Reliability over instances of templates (DIA, arXiv 2410.15490).

  prm-jax evaluate --benchmark dia --input outcomes.jsonl --workdir DIR

A line has `template` and `outcome`: "correct", "wrong" or "unknown".
"""

import ml_collections

from prm_jax.configs import evaluation


def get_config() -> ml_collections.ConfigDict:
  return evaluation.base("dia")
