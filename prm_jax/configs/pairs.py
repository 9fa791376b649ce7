"""Preferred steps from the labels of solutions: no policy is asked.

  prm-jax label --config pairs:tree_plv --input labels.jsonl --workdir work/plv

The labels of a problem's solutions, by rollouts, OmegaPRM or `trees`, make a
tree. The argument is which of the ways on from a prefix are compared:

  all        any two of other values
  tree_plv   any two whose values are 0.375 apart (Tree-PLV)
  q_values   the best and the worst (Q-value models, MCTS-DPO)
  cpl        those above 1/2 with those below it (CPL)
  cpl_last   the best of the former with the worst of the latter (CPL)
  step_dpo   the first wrong step with the best right one (Step-DPO)
  tpo        whole solutions, as lists (TPO)

Pairs go to `pairs.jsonl`, statistics and cost to `label_stats.json`.
"""

import ml_collections

METHODS = {
  "all": {"rule": "all", "margin": 0.0},
  "tree_plv": {"rule": "all", "margin": 0.375},
  "q_values": {"rule": "extremes", "margin": 0.0},
  "cpl": {"rule": "signs", "margin": 0.0},
  "cpl_last": {"rule": "sign_extremes", "margin": 0.0},
  "step_dpo": {"rule": "first_error", "margin": 0.0},
  "tpo": {"rule": "responses", "margin": 0.0},
}


def get_config(method: str = "all") -> ml_collections.ConfigDict:
  c = ml_collections.ConfigDict()
  c.labeller = {"name": "pairs"}
  c.pairs = METHODS[method]
  c.input = ""
  c.skip_bad = False
  return c
