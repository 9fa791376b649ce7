"""A Game-of-24 value model from a policy's own samples.

  prm-jax train --config game24_value:tvm --model POLICY/model \\
    --config.examples.problems=SAMPLES/problems.jsonl \\
    --config.examples.solutions=SAMPLES/solutions.jsonl --workdir /tmp/tvm

The argument is the objective: "tvm" (default), "ovm" or "orm".
"""

import ml_collections

from prm_jax.configs import game24_policy


def get_config(objective: str = "tvm") -> ml_collections.ConfigDict:
  c = game24_policy.get_config()
  c.model.use_lm_head = False
  c.model.value_head = "scalar"
  c.objective.name = objective
  c.examples.source = "files"
  c.optim.learning_rate = 1e-2
  c.optim.adam_learning_rate = 3e-3
  c.fit.num_steps = 200
  return c
