"""Search on Game of 24 with a trained policy and verifier.

  prm-jax search --config game24_search:step_beam --policy RUN/policy/model \\
    --verifier RUN/tvm/model --workdir /tmp/beam

The argument is the method: "step_beam" (default), "particle", "best_of_n" or
"greedy". `--config.task.problems=FILE` solves puzzles of your own, one per
line. `--verifier oracle` searches with the exact values.
"""

import ml_collections

from prm_jax.configs import game24_policy

METHODS = ("step_beam", "particle", "best_of_n")


def get_config(method: str = "step_beam") -> ml_collections.ConfigDict:
  c = ml_collections.ConfigDict()
  c.seed = 0
  c.task = game24_policy.get_config().task
  c.policy = ""
  c.verifier = ""
  c.oracle = "value"  # or "solvable"
  c.split = "test"
  c.num_problems = 0  # 0: all
  c.sampler = {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0}
  c.search = {
    "method": method,
    "num_rows": 16,
    "width": 4,
    "potential": "difference",
    "tau": 1.0,
    "beta": 1.0,
    "resample": "always",
    "ess_threshold": 0.5,
    "scheme": "systematic",
    "target": "sampler",
    "root_score": 1.0,
    "choose": "argmax",
    "aggregate": "last",
  }
  c.solver = {"batch_size": 64, "prompt_tokens": 8, "max_tokens": 44}
  if method == "greedy":
    c.search.method = "best_of_n"
    c.search.num_rows = 1
    c.sampler.temperature = 0.0
  return c
