"""Sampling and particle filtering beside transformers and its_hub.

  pip install -e ".[parity]" its-hub
  python experiments/benchmarks/peers/run.py --out results.json

Both sides read the same random Qwen2-shaped checkpoints and do the same work,
in processes of their own that take turns; see README.md beside.
"""

import argparse
import dataclasses
import multiprocessing
import os
import pathlib
import sys
import tempfile
import traceback
from importlib import metadata

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import engine
import numpy as np
import rich

from prm_jax.reports import results

SIZES = {
  "128x4": {
    "vocab_size": 1024, "num_layers": 4, "embed_dim": 128, "num_heads": 4,
    "num_kv_heads": 2, "head_dim": 32, "mlp_dim": 512,
  },
  "512x8": {
    "vocab_size": 8192, "num_layers": 8, "embed_dim": 512, "num_heads": 8,
    "num_kv_heads": 2, "head_dim": 64, "mlp_dim": 2048,
  },
}  # fmt: skip
PROMPT = 16


def cases(size: str) -> dict[str, engine.Case]:
  """By name; the larger model takes shorter steps, to end in minutes."""
  tokens = 64 if size == "128x4" else 16
  make = lambda prompts, rows, steps, scored: engine.Case(
    prompts, rows, steps, tokens, PROMPT, scored
  )
  return {
    "sample, 32 prompts": make(32, 1, 4, False),
    "sample, 32 rows of a prompt": make(1, 32, 4, False),
    "particles, 8 steps": make(1, 32, 8, True),
    "particles, 24 steps": make(1, 32, 24, True),
  }


def serve(side: str, folder: pathlib.Path, options: dict, pipe) -> None:
  """A process with one side in it, which does what it is told."""
  try:
    if options["threads"] < (os.cpu_count() or 1):
      os.sched_setaffinity(0, range(options["threads"]))
    if side == "ours":
      found = engine.Engine(folder, options["chunk"])
    else:
      import torch_side

      found = torch_side.Peers(folder, options["threads"])
    for name, args in iter(pipe.recv, None):
      pipe.send(getattr(found, name)(*args))
  except Exception:
    traceback.print_exc()
    pipe.send(None)


class Side:
  """Asks the process."""

  def __init__(self, side: str, folder: pathlib.Path, options: dict):
    context = multiprocessing.get_context("spawn")
    self._pipe, theirs = context.Pipe()
    self._process = context.Process(
      target=serve, args=(side, folder, options, theirs), daemon=True
    )
    self._process.start()

  def __call__(self, name: str, *args):
    self._pipe.send((name, args))
    found = self._pipe.recv()
    if found is None:
      raise SystemExit("a side has failed")
    return found

  def close(self) -> None:
    self._pipe.send(None)
    self._process.join()


def measure(
  ours: Side, theirs: Side, case: engine.Case, prompts, repeats: int, warm: bool
) -> tuple[list[dict], list[dict]]:
  """Runs of both sides by turns, after one of each that does not count."""
  runs: tuple[list[dict], list[dict]] = ([], [])
  ours("run", case, prompts, 0)
  if warm:
    theirs("run", case, prompts, 0)
  for seed in range(1, repeats + 1):
    for side, found in ((ours, runs[0]), (theirs, runs[1])):
      found.append(side("run", case, prompts, seed))
  return runs


def to_row(name: str, case: engine.Case, ours, theirs) -> results.Row:
  """The ratio of the medians' rates, with the extremes of the turns."""
  a = np.array([run["wall_s"] for run in ours])
  b = np.array([run["wall_s"] for run in theirs])
  turns = b / a
  cpu = [np.median([run["cpu_s"] for run in runs]) for runs in (ours, theirs)]
  cost = {
    "times_less_cpu": float(cpu[1] / cpu[0]),
    "ours_cpu_s": float(cpu[0]),
    "theirs_cpu_s": float(cpu[1]),
    "ours_s": float(np.median(a)),
    "ours_tokens_per_s": case.num_tokens / float(np.median(a)),
    "theirs_s": float(np.median(b)),
    "theirs_tokens_per_s": case.num_tokens / float(np.median(b)),
  }
  for part in theirs[0]["parts"]:
    spent = np.median([run["parts"][part] for run in theirs])
    cost[f"theirs: {part}, s"] = float(spent)
  return results.Row(
    name,
    "times_as_fast",
    float(np.median(b) / np.median(a)),
    ci_low=float(turns.min()),
    ci_high=float(turns.max()),
    n=len(ours),
    cost=cost,
    wall_s=float(a.sum() + b.sum()),
  )


def check(ours: Side, theirs: Side, vocab_size: int) -> float:
  """Largest difference of logits and scores on the same tokens."""
  tokens = np.random.default_rng(1).integers(0, vocab_size, (4, 100))
  pairs = zip(ours("check", tokens), theirs("check", tokens), strict=True)
  gap = max(float(np.abs(a - b).max()) for a, b in pairs)
  assert gap < 1e-4, gap
  return gap


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument("--out", required=True)
  parser.add_argument("--sizes", default=",".join(SIZES))
  parser.add_argument("--cases", default="", help="names that have this part")
  parser.add_argument("--repeats", type=int, default=3)
  parser.add_argument("--chunk", type=int, default=16)
  parser.add_argument("--threads", type=int, default=1)
  args = parser.parse_args()
  options = {"chunk": args.chunk, "threads": args.threads}
  rows = []
  for size in args.sizes.split(","):
    with tempfile.TemporaryDirectory() as scratch:
      folder = pathlib.Path(scratch)
      engine.make_checkpoints(folder, SIZES[size])
      sides = [Side(name, folder, options) for name in ("ours", "theirs")]
      vocab = SIZES[size]["vocab_size"]
      gap = check(*sides, vocab)
      rich.print(f"{size}: logits and scores differ by {gap:.1e} at most")
      rng = np.random.default_rng(0)
      for name, case in cases(size).items():
        if args.cases not in name:
          continue
        prompts = rng.integers(0, vocab, (case.prompts, PROMPT))
        short = case.steps <= 8  # a long run need not be warmed up
        runs = measure(*sides, case, prompts.astype(np.int32), args.repeats,
                       short)  # fmt: skip
        rows.append(to_row(f"{name} {size}", case, *runs))
        rich.print(rows[-1])
      for side in sides:
        side.close()
  shapes = {
    name: {n: dataclasses.asdict(c) for n, c in cases(name).items()}
    for name in SIZES
  }
  versions = {
    name: metadata.version(name)
    for name in ("torch", "transformers", "its-hub")
  }
  config = vars(args) | {
    "models": SIZES, "cases_run": shapes, "peers": versions,
  }  # fmt: skip
  results.write(args.out, "benchmark peers", config, rows)


if __name__ == "__main__":
  main()
