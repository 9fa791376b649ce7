"""Values of steps or tokens from checked solutions: no policy is asked.

  prm-jax label --config trees:rest --input samples.jsonl --workdir work/rest

The solutions of a problem make a tree by what they begin with. The argument is
what it says:

  counts      right and all solutions through a step (TVM and P2T, by steps)
  tokens      the same through a token; solutions have to tell theirs
  alpha_math  (Q + 1) / 2, the mean outcome behind a step, or what rows say in
              extra.values, which no command writes (AlphaMath)
  rest        progress on the way to a right answer (ReST-MCTS*)

The input holds samples of a search, or `solution` records with verdicts, as
`search` and `quickstart` write them. Labels go to `labels.jsonl`, statistics
and cost to `label_stats.json`.
"""

import ml_collections

METHODS = {
  "counts": {},
  "tokens": {},
  "alpha_math": {},
  "rest": {"variant": "weighted"},  # or "simple"
}


def get_config(method: str = "alpha_math") -> ml_collections.ConfigDict:
  c = ml_collections.ConfigDict()
  c.labeller = {"name": "trees"}
  c.trees = method
  c.method = METHODS[method]
  c.completer = "search"  # who wrote the solutions, in the records
  c.input = ""
  c.skip_bad = False
  return c
