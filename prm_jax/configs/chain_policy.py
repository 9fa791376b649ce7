"""A policy on modular addition chains, to start value models from.

prm-jax train --config chain_policy --workdir /tmp/chain_policy
"""

import ml_collections

from prm_jax.configs import chain_value


def get_config() -> ml_collections.ConfigDict:
  c = chain_value.get_config()
  c.model.use_lm_head = True
  c.model.value_head = "none"
  c.objective.name = "sft"
  c.examples.source = "demonstrations"
  c.examples.num_demonstrations = 200
  c.data.batch_size = 128
  c.optim.name = "muon"
  c.optim.learning_rate = 2e-2
  c.optim.adam_learning_rate = 5e-3
  c.fit.num_steps = 250
  return c
