"""A policy on programs over registers mod 5, to start verifiers from.

prm-jax train --config program_policy --workdir /tmp/program_policy
"""

import ml_collections

from prm_jax.configs import chain_policy


def get_config() -> ml_collections.ConfigDict:
  c = chain_policy.get_config()
  c.task = {
    "name": "register_programs",
    "modulus": 5,
    "num_registers": 3,
    "num_inputs": 2,
    "min_lines": 2,
    "max_lines": 3,
    "error_rate": 0.1,
    "num_problems": 400,
    "seed": 0,
  }
  c.examples.num_demonstrations = 40
  c.data.length = 56
  c.data.boundaries = (56,)
  return c
