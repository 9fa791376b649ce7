"""A Game-of-24 policy from demonstrations: the quickstart's first stage.

  prm-jax train --config game24_policy --workdir /tmp/policy

Half of the demonstrations are solutions, half random legal plays: a policy
that sees solutions alone learns to write «= 24» whatever the operands.
"""

import ml_collections


def get_config() -> ml_collections.ConfigDict:
  c = ml_collections.ConfigDict()
  c.seed = 0
  c.task = {
    "name": "game24",
    "problems": "",
    "exclude": "",
    "num_solutions": 1,
    "num_explorations": 1,
  }
  c.model = {
    "num_layers": 3,
    "embed_dim": 96,
    "num_heads": 4,
    "num_kv_heads": 4,
    "head_dim": 24,
    "mlp_dim": 256,
    "use_lm_head": True,
    "value_head": "none",
    "value_link": "sigmoid",
    "dtype": "float32",
  }
  c.init = ""  # directory of a model to start from; --model sets it too
  set_data(c)
  set_training(c)
  return c


def set_data(c: ml_collections.ConfigDict) -> None:
  """Which examples, what is learnt from them, and how they are batched."""
  c.examples = {
    "source": "demonstrations",  # or "files", "public"
    "num_demonstrations": 60,
    "problems": "",
    "solutions": "",
    "labels": "",
    "eval_problems": "",
    "eval_solutions": "",
    "eval_labels": "",
  }
  c.objective = {
    "name": "sft",
    "loss": "cross_entropy",
    "reduction": "token",
    "lm_coefficient": 0.0,
    "margin": 4.0,  # of "pqm"
    "variant": "proper",  # of "survival"
  }
  c.tree = {
    "deduplicate": False,
    "estimate": "inclusive",
    "weighting": "visits",
  }
  c.data = {
    "batch_size": 128,
    "length": 56,
    "layout": "bucket",  # packing would make attention dearer on a CPU
    # All but about 1 % (fractions, long numbers) are 32 tokens long; one
    # width is one program to compile.
    "boundaries": (32,),
    "order": "random",
    "too_long": "drop",
  }


def set_training(c: ml_collections.ConfigDict) -> None:
  """Optimiser, length of the run, devices."""
  c.optim = {
    "name": "muon",
    "learning_rate": 2e-2,
    "adam_learning_rate": 5e-3,
    "warmup_steps": 40,
    "final_fraction": 0.02,
    "b2": 0.99,
    "weight_decay": 0.01,
    "clip_norm": 1.0,
    "ema_decay": 0.0,
  }
  c.fit = {
    "num_steps": 450,
    "log_every": 10,
    "eval_every": 0,
    "save_every": 100,
  }
  c.num_micro_batches = 1
  c.mesh = {"data": -1, "fsdp": 1, "tensor": 1}
