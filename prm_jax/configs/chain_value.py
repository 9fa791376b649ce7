"""A value model on modular addition chains, from the generator's solutions.

  prm-jax train --config chain_value:tvm \\
    --config.examples.problems=problems.jsonl \\
    --config.examples.solutions=solutions.jsonl --workdir /tmp/chain

The argument is the objective: "tvm" (default), "ovm" or "orm". Values of all
prefixes are known exactly (`experiments/value_truth`).
"""

import ml_collections

from prm_jax.configs import game24_value


def get_config(objective: str = "tvm") -> ml_collections.ConfigDict:
  c = game24_value.get_config(objective)
  c.task = {
    "name": "chain",
    "modulus": 3,
    "num_addends": 4,
    "error_rate": 0.2,
    "recovery_rate": 0.1,
    "num_problems": 200,
    "seed": 0,
  }
  c.model.num_layers = 3
  c.model.embed_dim = 64
  c.model.num_heads = 2
  c.model.num_kv_heads = 2
  c.model.head_dim = 32
  c.model.mlp_dim = 128
  c.data.batch_size = 128
  c.data.boundaries = (40,)
  c.optim.name = "adamw"
  c.optim.learning_rate = 2e-3
  c.fit.num_steps = 150
  return c
