"""Search on countdown with a trained policy and verifier.

  prm-jax search --config countdown_search:step_beam --workdir /tmp/beam \\
    --policy RUN/policy/model --verifier RUN/tvm/model

The argument is the method, as for `game24_search`.
"""

import ml_collections

from prm_jax.configs import countdown_policy, game24_search


def get_config(method: str = "step_beam") -> ml_collections.ConfigDict:
  c = game24_search.get_config(method)
  c.task = countdown_policy.get_config().task
  c.solver.max_tokens = 48
  return c
