"""A policy on graph arithmetic, to start verifiers from.

  prm-jax train --config graph_policy:7 --workdir /tmp/graph_policy

The argument is the modulus, 23 by default as in iGSM: then there are 1,587
sums, differences and products to know, mod 7 there are 147.
"""

import ml_collections

from prm_jax.configs import chain_policy


def get_config(modulus: str = "23") -> ml_collections.ConfigDict:
  c = chain_policy.get_config()
  c.task = {
    "name": "graph_arithmetic",
    "modulus": int(modulus),
    "num_quantities": 8,
    "min_operations": 2,
    "max_operations": 6,
    "error_rate": 0.15,
    "recovery_rate": 0.3,
    "num_problems": 4000,
    "seed": 0,
  }
  c.model.embed_dim = 96
  c.model.num_heads = 4
  c.model.num_kv_heads = 4
  c.model.head_dim = 24
  c.model.mlp_dim = 256
  c.examples.num_demonstrations = 8
  c.data.batch_size = 64
  c.data.length = 160
  c.data.boundaries = (112, 160)  # 7 % of the solutions are longer than 112
  c.fit.num_steps = 300
  return c
