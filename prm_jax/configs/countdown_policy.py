"""A countdown policy from demonstrations.

  prm-jax train --config countdown_policy --workdir /tmp/countdown

Four numbers up to 13 and a target of 10 to 30. (With numbers up to 50 and
targets up to 100 a model of this size plays no better than at random: 1.6 %
after 900 updates.) Half of the demonstrations are solutions, half random legal
plays, as for Game of 24.
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
    "largest": 13,
    "min_target": 10,
    "max_target": 30,
    "domain": "natural",
    "num_problems": 5_000,
    "seed": 0,
    "num_solutions": 1,
    "num_explorations": 1,
  }
  # More problems and fewer plays of each than for Game of 24.
  c.examples.num_demonstrations = 16
  c.data.boundaries = (36,)
  c.fit.num_steps = 450
  return c
