"""Training tokens per second by batch size, and the programs compiled.

python experiments/benchmarks/training/run.py --out results.json
"""

import argparse
import time

import jax
import ml_collections
import numpy as np
import rich

from prm_jax.build import fields, losses, models, training
from prm_jax.cli.train import training_flops
from prm_jax.configs import game24_policy
from prm_jax.models import lm
from prm_jax.reports import results
from prm_jax.train import loop, partition

LENGTH = 32


def make_batch(batch_size: int, vocab_size: int) -> dict[str, np.ndarray]:
  rng = np.random.default_rng(0)
  shape = (batch_size, LENGTH)
  tokens = rng.integers(1, vocab_size, shape, dtype=np.int32)
  return {
    "tokens": tokens,
    "positions": np.broadcast_to(np.arange(LENGTH, dtype=np.int32), shape),
    "segment_ids": np.ones(shape, np.int32),
    "targets": tokens,
    "weights": np.ones(shape, np.float32),
  }


def measure(
  config: ml_collections.ConfigDict, batch_size: int, num_steps: int
) -> tuple[results.Row, float]:
  task = models.task(config.task)
  vocab_size = task.tokenizer().vocab_size
  model = lm.Model(models.model_config(config.model, vocab_size))
  objective = fields.dataclass(
    losses.ObjectiveConfig, config.objective.to_dict(), "objective"
  )
  setup = loop.setup(
    models.init_fn(model),
    losses.loss_fn(model, objective),
    optim_config=training.optim_config(config.optim, config.fit.num_steps),
    rng_key=jax.random.key(0),
    mesh=training.mesh(config.mesh),
  )
  state = setup.init_state()
  sharding = partition.batch_sharding(setup.mesh)
  batch = partition.put_batch(make_batch(batch_size, vocab_size), sharding)
  state, _ = jax.block_until_ready(setup.step_fn(state, batch))
  seconds = []
  for _ in range(num_steps):
    started = time.perf_counter()
    state, _ = jax.block_until_ready(setup.step_fn(state, batch))
    seconds.append(time.perf_counter() - started)
  middle = float(np.median(seconds))
  low, high = np.percentile(seconds, [5, 95])
  tokens = batch_size * LENGTH
  row = results.Row(
    f"train/{config.optim.name}/batch {batch_size}",
    "tokens_per_s",
    tokens / middle,
    tokens / float(high),
    tokens / float(low),
    num_steps,
    {
      "step_ms": 1e3 * middle,
      "gflops_per_s": training_flops(model, LENGTH) * tokens / middle / 1e9,
      "programs": setup.num_compilations,
    },
  )
  return row, middle


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument("--out", required=True)
  parser.add_argument("--batches", default="16,64,128,512")
  parser.add_argument("--steps", type=int, default=10)
  args = parser.parse_args()
  rows = []
  for optimiser in ("adamw", "muon"):
    for batch_size in map(int, args.batches.split(",")):
      config = game24_policy.get_config()
      config.optim.name = optimiser
      row, _ = measure(config, batch_size, args.steps)
      rows.append(row)
      rich.print(
        f"{row.name}: {row.value:,.0f} tokens/s, "
        f"{row.cost['gflops_per_s']:.0f} GFLOP/s, "
        f"{row.cost['programs']} program(s)"
      )
  results.write(args.out, "benchmark training", vars(args), rows)


if __name__ == "__main__":
  main()
