"""Trains the transformer on eight devices and on one; prints the gaps.

`python -m tests.build.devices`, with eight forced host devices.
"""

import json

import flax.linen as nn
import jax
import numpy as np

from prm_jax.build import losses, models
from prm_jax.models import lm
from prm_jax.train import loop, optim, partition
from tests.models import tiny

MODEL = lm.Model(
  tiny.config(
    vocab_size=24,
    value_head="token",
    use_qkv_bias=True,
    use_qk_norm=True,
    use_remat=True,
    tie_embeddings=False,
  )
)
NUM_STEPS = 3


def batch(index):
  """Eight rows of two packed sequences and some padding."""
  rng = np.random.default_rng(index)
  shape = (8, 7)
  segments = np.tile(np.int32([1, 1, 1, 2, 2, 2, 0]), (8, 1))
  return {
    "tokens": rng.integers(1, 24, shape).astype(np.int32) * (segments > 0),
    "positions": np.tile(np.int32([0, 1, 2, 0, 1, 2, 0]), (8, 1)),
    "segment_ids": segments,
    "targets": rng.random(shape).astype(np.float32),
    "weights": ((rng.random(shape) < 0.7) * (segments > 0)).astype(np.float32),
  }


def train(mesh):
  """State after some steps."""
  objective = losses.ObjectiveConfig("tvm", lm_coefficient=0.5)
  run = loop.setup(
    models.init_fn(MODEL),
    losses.loss_fn(MODEL, objective),
    optim_config=optim.OptimConfig(
      num_steps=NUM_STEPS, learning_rate=1e-3, warmup_steps=1
    ),
    rng_key=jax.random.key(0),
    mesh=mesh,
  )
  now = run.init_state()
  sharding = partition.batch_sharding(mesh)
  for index in range(NUM_STEPS):
    now, found = run.step_fn(now, partition.put_batch(batch(index), sharding))
  return now, found


def flat(tree):
  leaves = jax.tree_util.tree_flatten_with_path(tree)[0]
  return {jax.tree_util.keystr(path): leaf for path, leaf in leaves}


def gap(left, right) -> float:
  """The largest difference; above 1 (sums, counts) a relative one."""
  left, right = flat(left), flat(right)
  assert left.keys() == right.keys()
  gaps = [
    np.abs(np.asarray(left[k]) - np.asarray(right[k]))
    / np.maximum(1, np.abs(np.asarray(right[k])))
    for k in left
  ]
  return float(max(np.max(x) for x in gaps if x.size))


def main():
  assert jax.device_count() == 8
  mesh = partition.make_mesh(devices=jax.devices()[:1])
  alone, told = train(mesh)
  fresh = nn.unbox(jax.jit(models.init_fn(MODEL))(jax.random.key(0)))
  start = gap(fresh, alone.params)
  report = {"moved": start, "gaps": {}}
  for sizes in ((1, 2, 4), (2, 2, 2)):
    mesh = partition.make_mesh(partition.MeshConfig(*sizes))
    now, found = train(mesh)
    report["gaps"][str(sizes)] = {
      "params": gap(now.params, alone.params),
      "moments": gap(now.opt_state, alone.opt_state),
      "metrics": gap(found, told),
    }
  report["shards"] = {
    path: [list(leaf.shape), list(leaf.addressable_shards[0].data.shape)]
    for path, leaf in flat(now.params).items()
  }
  print(json.dumps(report))


if __name__ == "__main__":
  main()
