"""Self-training by AlphaMath and by ReST-MCTS*, round by round.

  prm-jax train --config game24_policy --workdir POLICY
  python experiments/self_training/run.py --policy POLICY/model --workdir WORK

Each seed has its own training problems, searches and batches. Every round is
measured on all problems of the validation split; round 0 is before any search.
Rounds that are in WORK/cells.jsonl are not run again.
"""

import argparse
import dataclasses
import json
import pathlib
import time
from collections.abc import Sequence
from typing import Any

import loops
import measures
import numpy as np
import rich

from prm_jax.build import models
from prm_jax.configs import game24_policy
from prm_jax.data import records
from prm_jax.solvers import judging
from prm_jax.tasks import base as tasks

FILE = "cells.jsonl"
ROUNDS = 3


def find(
  loop: loops.Loop,
  pair: loops.Pair,
  task: tasks.Task,
  problems: Sequence[tasks.Problem],
  sizes: loops.Sizes,
  seed: int,
) -> tuple[list[records.Solution], float]:
  """Solutions of all searches, and the policy's tokens per problem."""
  found, tokens = [], 0.0
  for index in range(loop.searches or sizes.searches):
    solved = loops.search(loop, pair, task, problems, sizes, seed + index)
    judged = judging.judge(task, pair.policy.tokenizer, solved)
    found += judging.to_solutions(solved, judged, "search")
    tokens += float(np.mean(solved.cost.policy_tokens))
  return found, tokens


def run_loop(
  name: str,
  seed: int,
  args: argparse.Namespace,
  policy: models.Loaded,
  task: tasks.Task,
  done: set[tuple[str, int, int]],
) -> None:
  """All rounds of a loop; models of finished ones are read again."""
  loop, sizes = loops.LOOPS[name], args.sizes
  order = np.random.default_rng((seed, 7)).permutation
  given = list(task.problems("train"))
  given = [given[i] for i in order(len(given))[: sizes.problems]]
  held_out = list(task.problems("validation"))
  workdir = args.workdir / f"{name}-{seed}"
  pair = told = None
  for index in range(args.rounds + 1):
    started = time.perf_counter()
    folder = workdir / f"round_{index}"
    if index == 0:
      pair = loops.begin(loop, policy, task, given, sizes, folder, seed)
      told: dict[str, Any] = {}
    elif (folder / "done").exists():
      pair = _read(loop, folder)
    else:
      draws = 1000 * seed + 10 * index
      found, tokens = find(loop, pair, task, given, sizes, draws)
      pair, told = loops.learn(loop, pair, given, found, sizes, folder, seed)
      told["search_tokens"] = tokens
      (folder / "done").touch()
    if (name, seed, index) in done:
      continue
    trained = time.perf_counter() - started
    own = measures.measure(loop, pair, task, held_out, sizes, 77)
    cell = {
      "loop": name,
      "seed": seed,
      "round": index,
      "trained_s": trained,
      "wall_s": time.perf_counter() - started,
      **told,
      **own,
    }
    with (args.workdir / FILE).open("a") as out:
      out.write(json.dumps(cell) + "\n")
    means = {k: round(float(np.mean(v)), 3) for k, v in own["each"].items()}
    rich.print({**{k: v for k, v in cell.items() if k != "each"}, **means})


def _read(loop: loops.Loop, folder: pathlib.Path) -> loops.Pair:
  policy = models.load(folder / "policy" / "model", "workdir")
  if loop.is_joint:
    return loops.Pair(policy, None)
  return loops.Pair(policy, models.load(folder / "value" / "model", "workdir"))


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument("--policy", required=True)
  parser.add_argument("--workdir", type=pathlib.Path, required=True)
  parser.add_argument("--loops", nargs="+", default=list(loops.LOOPS))
  parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
  parser.add_argument("--rounds", type=int, default=ROUNDS)
  for field in dataclasses.fields(loops.Sizes):
    parser.add_argument(f"--{field.name}", type=int, default=field.default)
  args = parser.parse_args()
  names = [field.name for field in dataclasses.fields(loops.Sizes)]
  args.sizes = loops.Sizes(**{name: getattr(args, name) for name in names})
  task = models.task(game24_policy.get_config().task)
  policy = models.load(args.policy, "--policy")
  args.workdir.mkdir(parents=True, exist_ok=True)
  file = args.workdir / FILE
  lines = file.read_text().splitlines() if file.exists() else []
  cells = [json.loads(line) for line in lines]
  done = {(cell["loop"], cell["seed"], cell["round"]) for cell in cells}
  for seed in args.seeds:
    for name in args.loops:
      run_loop(name, seed, args, policy, task, done)


if __name__ == "__main__":
  main()
