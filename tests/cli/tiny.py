"""A stage of the tiny quickstart as a config of `train` or `search`.

--config tests/cli/tiny.py:policy
"""

import ml_collections

from prm_jax.configs import game24_search, quickstart


def get_config(name: str) -> ml_collections.ConfigDict:
  small = quickstart.get_config("tiny")
  if name in ("policy", *small.verifiers):
    return small[name]
  c = game24_search.get_config(name)
  c.search.num_rows = 1 if name == "greedy" else 4
  if name == "step_beam":
    c.search.width = 2
  c.num_problems = 6
  c.solver.batch_size = 2
  return c
