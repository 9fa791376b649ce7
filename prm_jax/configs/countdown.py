"""Policy and value model on countdown, the quickstart's stages.

  prm-jax quickstart --config countdown --workdir /tmp/countdown

The models for `countdown_search`: RUN/policy/model and RUN/tvm/model.
"""

import ml_collections

from prm_jax.configs import (
  countdown_policy,
  countdown_search,
  countdown_value,
  quickstart,
)


def get_config() -> ml_collections.ConfigDict:
  c = quickstart.get_config()
  c.policy = countdown_policy.get_config()
  c.task = c.policy.task
  c.verifiers = ("tvm",)
  for objective in ("orm", "ovm", "tvm"):
    c[objective] = countdown_value.get_config(objective)
  c.solver = countdown_search.get_config().solver
  c.samples.num_rows = 16
  c.samples.num_eval_rows = 4
  c.num_problems = 255
  return c
