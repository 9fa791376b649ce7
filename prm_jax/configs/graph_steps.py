"""A step verifier on graph arithmetic, labelled by the oracle.

  prm-jax train --config graph_steps:7 --model RUN/model --workdir /tmp/steps

It starts from `graph_policy`, with the same argument.
"""

import ml_collections

from prm_jax.configs import graph_policy


def get_config(modulus: str = "23") -> ml_collections.ConfigDict:
  c = graph_policy.get_config(modulus)
  c.model.use_lm_head = False
  c.model.value_head = "step"
  c.objective.name = "step"
  c.optim.learning_rate = 1e-2
  c.optim.adam_learning_rate = 3e-3
  c.fit.num_steps = 300
  return c
