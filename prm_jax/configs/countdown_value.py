"""A countdown value model from a policy's own samples.

  prm-jax train --config countdown_value:tvm --model POLICY/model \\
    --config.examples.problems=SAMPLES/problems.jsonl \\
    --config.examples.solutions=SAMPLES/solutions.jsonl --workdir /tmp/tvm

The argument is the objective: "tvm" (default), "ovm" or "orm".
"""

import ml_collections

from prm_jax.configs import countdown_policy, game24_value


def get_config(objective: str = "tvm") -> ml_collections.ConfigDict:
  c = game24_value.get_config(objective)
  policy = countdown_policy.get_config()
  c.task = policy.task
  c.data = policy.data
  return c
