"""A countdown policy from demonstrations.

  prm-jax train --config countdown_policy --workdir /tmp/countdown

Four numbers to a target of 10 to 100. Half of the demonstrations are
solutions, half random legal plays, as for Game of 24.
"""

import ml_collections

from prm_jax.configs import game24_policy


def get_config() -> ml_collections.ConfigDict:
  c = game24_policy.get_config()
  c.task = {
    "name": "countdown",
    "min_numbers": 4,
    "max_numbers": 4,
    "smallest": 1,
    "largest": 50,
    "min_target": 10,
    "max_target": 100,
    "domain": "natural",
    "num_problems": 5_000,
    "seed": 0,
    "num_solutions": 1,
    "num_explorations": 1,
  }
  # More problems, fewer plays of each: larger numbers have to be met.
  c.examples.num_demonstrations = 16
  c.data.boundaries = (40,)
  c.fit.num_steps = 900
  return c
