"""A larger Game-of-24 run, for as long as the machine allows.

  prm-jax quickstart --config game24_base --workdir /tmp/game24_base

The quickstart's stages with a model of 0.9 M parameters, three times the
updates and samples, and the token-supervised value model alone.
3,240 s on two cores with other work beside (`experiments/game24`).
"""

import ml_collections

from prm_jax.configs import quickstart


def get_config() -> ml_collections.ConfigDict:
  c = quickstart.get_config()
  c.verifiers = ("tvm",)
  for stage in (c.policy, c.orm, c.ovm, c.tvm):
    stage.model.num_layers = 4
    stage.model.embed_dim = 128
    stage.model.num_heads = 4
    stage.model.num_kv_heads = 4
    stage.model.head_dim = 32
    stage.model.mlp_dim = 384
    stage.data.boundaries = (32, 56)
    stage.data.length = 56
  c.policy.examples.num_demonstrations = 120
  c.policy.fit.num_steps = 1500
  c.tvm.fit.num_steps = 750
  c.samples.num_rows = 128
  return c
