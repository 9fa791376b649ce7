"""Host memory and time of loading a public checkpoint, tensor by tensor.

python experiments/benchmarks/loading/run.py --out results.json

Writes a random checkpoint of the size of Qwen2.5-0.5B (about 1 GB in
bfloat16), loads it in a process of its own and reads the peak of its resident
memory. On a CPU the parameters themselves lie in host memory: what is beyond
them is what loading takes.
"""

import argparse
import json
import math
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

import jax
import jax.numpy as jnp
import numpy as np

from prm_jax.checkpoint import config_json, families, hf, safetensors_files
from prm_jax.models import config as config_lib
from prm_jax.models import lm
from prm_jax.reports import results

# Qwen2.5-0.5B; the second is Qwen2.5-7B, for the estimate alone.
SMALL = config_lib.TransformerConfig(
  vocab_size=151_936,
  num_layers=24,
  embed_dim=896,
  num_heads=14,
  num_kv_heads=2,
  head_dim=64,
  mlp_dim=4864,
  use_qkv_bias=True,
  dtype="bfloat16",
)
LARGE = config_lib.TransformerConfig(
  vocab_size=152_064,
  num_layers=28,
  embed_dim=3584,
  num_heads=28,
  num_kv_heads=4,
  head_dim=128,
  mlp_dim=18_944,
  use_qkv_bias=True,
  tie_embeddings=False,
  dtype="bfloat16",
)
LARGE_SHARD = 3_950_000_000  # bytes of its largest file, as it is published
ITEM = 2  # bytes of a bfloat16


def shapes(trunk: config_lib.TransformerConfig) -> dict[str, tuple[int, ...]]:
  """By tensor of the files."""
  model = config_lib.ModelConfig(trunk)
  one = jnp.ones((1, 2), jnp.int32)
  init = lm.Model(model).init
  boxed = jax.eval_shape(init, jax.random.key(0), one, one, one)
  kind = families.FAMILIES["qwen2"]
  found = {}
  for tensor in families.tensors(families.rows(kind, model), trunk.num_layers):
    leaf = boxed["params"]
    for name in tensor.row.param.split("/"):
      leaf = leaf[name]
    whole = jax.tree.leaves(leaf)[0].shape
    own = whole if tensor.layer is None else whole[1:]
    found[tensor.name] = families.file_shape(tensor.row, own)
  return found


def write(directory: pathlib.Path, shard_bytes: int) -> None:
  """A checkpoint of random numbers."""
  kind = families.FAMILIES["qwen2"]
  model = config_lib.ModelConfig(SMALL)
  text = config_json.from_model(model, kind, "bfloat16", {})
  (directory / config_json.FILE_NAME).write_text(json.dumps(text))
  table = shapes(SMALL)
  sizes = {name: math.prod(shape) * ITEM for name, shape in table.items()}
  dtype = jnp.dtype("bfloat16")
  rng = np.random.default_rng(0)
  shards = safetensors_files.plan_shards(sizes, shard_bytes)
  for file, names in shards.items():
    values = (
      rng.standard_normal(table[name], np.float32).astype(dtype)
      for name in names
    )
    own = {name: table[name] for name in names}
    safetensors_files.write(directory / file, own, dtype, values)
  safetensors_files.write_index(directory, shards, sum(sizes.values()))


def peak_bytes() -> int:
  return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def load(directory: pathlib.Path) -> None:
  """In a process of its own: prints what it took."""
  jnp.zeros(4).block_until_ready()  # what a backend takes by itself
  before = peak_bytes()
  started = time.perf_counter()
  found = hf.load(directory)
  jax.block_until_ready(found.params)
  seconds = time.perf_counter() - started
  size = sum(leaf.nbytes for leaf in jax.tree.leaves(found.params))
  told = {"seconds": seconds, "params": size, "extra": peak_bytes() - before}
  print(json.dumps(told | {"baseline": before}))


def run(*arguments: str) -> str:
  """This script in a process of its own; the last line that it prints.

  Both writing and loading: a child's peak begins at what its parent holds.
  """
  command = [sys.executable, __file__, *arguments]
  done = subprocess.run(command, capture_output=True, text=True, check=True)
  return (done.stdout.splitlines() or [""])[-1]


def measure(shard_bytes: int) -> results.Row:
  with tempfile.TemporaryDirectory() as scratch:
    directory = pathlib.Path(scratch)
    run("--write", scratch, "--shard-bytes", str(shard_bytes))
    told = json.loads(run("--load", scratch))
    files = [f.stat().st_size for f in directory.glob("*.safetensors")]
  largest = max(math.prod(s) * ITEM for s in shapes(SMALL).values())
  beyond = told["extra"] - told["params"]
  return results.Row(
    name=f"qwen2.5-0.5b, {len(files)} files",
    metric="bytes beyond the parameters",
    value=beyond,
    cost={
      "params": told["params"],
      "largest_shard": max(files),
      "largest_tensor": largest,
      "shard_and_tensor": max(files) + largest,
      "bytes_per_s": told["params"] / told["seconds"],
      "baseline": told["baseline"],
    },
    wall_s=told["seconds"],
  )


def estimate() -> results.Row:
  """Of a 7B checkpoint: parameters, a shard and a tensor."""
  sizes = [math.prod(shape) * ITEM for shape in shapes(LARGE).values()]
  parts = {
    "params": sum(sizes),
    "largest_shard": LARGE_SHARD,
    "largest_tensor": max(sizes),
  }
  return results.Row(
    name="qwen2.5-7b, estimate",
    metric="bytes at most",
    value=sum(parts.values()),
    cost=parts,
  )


def main() -> None:
  parser = argparse.ArgumentParser()
  parser.add_argument("--out", type=pathlib.Path)
  parser.add_argument("--load", type=pathlib.Path)
  parser.add_argument("--write", type=pathlib.Path)
  parser.add_argument("--shard-bytes", type=int, default=10**10)
  arguments = parser.parse_args()
  if arguments.write:
    write(arguments.write, arguments.shard_bytes)
    return
  if arguments.load:
    load(arguments.load)
    return
  rows = [measure(10**10), measure(300 * 10**6), estimate()]
  for row in rows:
    print(row.name, row.metric, f"{row.value:,.0f}", row.wall_s)
    print({name: f"{value:,.0f}" for name, value in row.cost.items()})
  if arguments.out:
    results.write(arguments.out, "loading", {}, rows)


if __name__ == "__main__":
  main()
