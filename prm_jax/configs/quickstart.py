"""The whole loop on Game of 24, on two cores without accelerator.

  prm-jax quickstart --workdir /tmp/quickstart

Demonstrations -> policy -> samples -> outcome and value models -> search ->
one table. About six minutes; step beam with the token-supervised value model
solves several times as many held-out puzzles as the policy alone, and more
than best-of-16 with as many tokens.

`--config quickstart:tiny` runs every stage in a minute, for tests.
"""

import ml_collections

from prm_jax.configs import game24_policy, game24_search, game24_value


def get_config(size: str = "small") -> ml_collections.ConfigDict:
  c = ml_collections.ConfigDict()
  c.seed = 0
  c.task = game24_policy.get_config().task
  c.policy = game24_policy.get_config()
  # One training run for each; all start from the policy. The last guides.
  c.verifiers = ("orm", "ovm", "tvm")
  c.orm = game24_value.get_config("orm")
  c.ovm = game24_value.get_config("ovm")
  c.tvm = game24_value.get_config("tvm")
  # Solutions per puzzle that the verifiers learn from.
  c.samples = {
    "num_rows": 40,
    "num_eval_rows": 16,
    "temperature": 1.0,
  }
  c.num_rows = 16  # of every search in the table
  c.num_problems = 0  # 0: all held-out puzzles
  c.oracle = "value"
  c.beam = game24_search.get_config("step_beam").search
  c.particle = game24_search.get_config("particle").search
  c.sampler = game24_search.get_config().sampler
  c.solver = game24_search.get_config().solver
  if size == "tiny":
    _shrink(c)
  return c


def _shrink(c: ml_collections.ConfigDict) -> None:
  for stage in (c.policy, c.orm, c.ovm, c.tvm):
    stage.model.num_layers = 1
    stage.model.embed_dim = 32
    stage.model.num_heads = 2
    stage.model.num_kv_heads = 2
    stage.model.head_dim = 16
    stage.model.mlp_dim = 64
    stage.examples.num_demonstrations = 2
    stage.data.batch_size = 8
    stage.fit.num_steps = 20
    stage.fit.log_every = 5
    stage.fit.save_every = 10
    stage.optim.warmup_steps = 5
  c.samples.num_rows = 2
  c.samples.num_eval_rows = 2
  c.num_rows = 4
  c.beam.width = 2
  c.num_problems = 16
