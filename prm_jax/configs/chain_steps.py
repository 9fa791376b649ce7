"""A step verifier on modular addition chains, labelled by the oracle.

  prm-jax train --config chain_steps --model RUN/model --workdir /tmp/steps

It starts from `chain_policy`; value models start from its trunk, which knows
what a valid step is. The argument is the objective: "step" (default), "pqm"
(steps in order) or "survival" (the first error).
"""

import ml_collections

from prm_jax.configs import chain_policy


def get_config(objective: str = "step") -> ml_collections.ConfigDict:
  c = chain_policy.get_config()
  c.model.use_lm_head = False
  c.model.value_head = "step" if objective == "step" else "scalar"
  c.objective.name = objective
  c.optim.learning_rate = 1e-2
  c.optim.adam_learning_rate = 3e-3
  c.fit.num_steps = 300
  return c
