"""Runs search methods at several budgets, one JSON line per finished cell.

  python experiments/search_methods/run.py --task game24 --workdir WORK \
    --policy RUN/policy/model --verifier RUN/tvm/model

A cell is a method at a number of rows; those of two policies want --target.
The lines go to WORK/TASK.jsonl; the same command after a kill, or with more
methods, runs the cells that are not there yet. `table.py` makes figure and
tables of them.
"""

import argparse
import importlib
import json
import pathlib
import time
import traceback
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import variants

from prm_jax import errors
from prm_jax.build import models
from prm_jax.build import votes as votes_config
from prm_jax.cli import policies, solving, verifying
from prm_jax.data import appended
from prm_jax.solvers import judging, solver
from prm_jax.tasks import base as tasks

ROWS = "4,16,64,256"
# What one compiled program holds: rows, and nodes of trees.
PROGRAM_ROWS = 1024


class Bench(NamedTuple):
  """One set of problems and the models."""

  config: Any
  task: tasks.Task
  policy: models.Loaded
  verifier: verifying.Verifier
  target: models.Loaded | None
  problems: Sequence[tasks.Problem]

  def run(self, name: str, rows: int) -> dict[str, Any]:
    """The line of a cell."""
    variant = variants.variant(name)
    verifier = self.verifier if variant.guided else verifying.none()
    sizes = self.config.solver.copy_and_resolve_references()
    sizes.batch_size = max(1, min(PROGRAM_ROWS // rows, len(self.problems)))
    searching = solving.make_solver(
      self.task,
      self.policy,
      verifier,
      search=variants.bind(name, rows, self.task.max_steps),
      sampler=self.config.sampler,
      sizes=sizes,
      seed=self.config.seed,
      target=self.target,
    )
    solved = searching.solve(self.problems)
    judged = judging.judge(self.task, self.policy.tokenizer, solved)
    costs = solving.costs(solved, self.policy, verifier, self.target)
    return {
      "method": name,
      "rows": rows,
      "correct": self._correct(solved, judged, variant.guided),
      "cost": {axis: rounded(values) for axis, values in costs.items()},
      "utilisation": solver.utilisation(solved),
      "wall_s": solved.wall_s,
      "compile_s": searching.compile_s,
    }

  def _correct(
    self, solved: solver.Solved, judged: judging.Judged, guided: bool
  ) -> dict[str, list[float]]:
    """Per problem: the chosen row, votes of the rows, one row, any row."""
    each = np.arange(len(solved.chosen))
    voters = judging.without_copies(solved, judged)
    found = {
      rule: judged.correct[
        each,
        judging.vote(voters, votes_config.Vote(rule).bind(), solved.score),
      ]
      for rule in ("majority", "weighted")
    }
    best = judged.correct[each, solved.chosen] if guided else found["majority"]
    found |= {
      "chosen": best,
      "mean": judged.correct.mean(axis=1),
      "any": judged.correct.any(axis=1),
    }
    return {k: rounded(v) for k, v in found.items()}


def rounded(values: np.ndarray) -> list[float]:
  return [round(float(v), 4) for v in values]


def read(path: pathlib.Path) -> list[dict[str, Any]]:
  """Whole lines of a file; a half-written last one is cut off."""
  appended.mend(path)
  return appended.rows(path)


def key(cell: dict[str, Any]) -> tuple[Any, ...]:
  own = ("method", "rows", "split", "seed", "num_problems")
  return tuple(cell[name] for name in own)


def main() -> None:
  args = arguments()
  module = importlib.import_module(f"prm_jax.configs.{args.task}_search")
  config = module.get_config()
  config.seed = args.seed
  task = models.task(config.task)
  problems = solving.first(task.problems(args.split), args.num_problems)
  policy = policies.load(args.policy)
  verifier = verifying.load(
    args.verifier, task, policy, problems, config.oracle
  )
  target = policies.load_target(args.target, policy)
  bench = Bench(config, task, policy, verifier, target, problems)
  args.workdir.mkdir(parents=True, exist_ok=True)
  path = args.workdir / f"{args.task}.jsonl"
  done = {key(cell) for cell in read(path)}
  chosen = args.methods.split(",") if args.methods else variants.names()
  for rows in map(int, args.rows.split(",")):
    for name in chosen:
      where = {
        "method": name,
        "rows": rows,
        "split": args.split,
        "seed": args.seed,
        "num_problems": len(problems),
      }
      if key(where) in done:
        continue
      started = time.perf_counter()
      try:
        cell = {**where, **bench.run(name, rows)}
      except Exception as error:  # the other cells are worth having
        known = isinstance(error, errors.UserError)
        print(f"{name} {rows}: {error if known else traceback.format_exc()}")
        continue
      with path.open("a") as file:
        file.write(json.dumps(cell) + "\n")
      accuracy = 100 * np.mean(cell["correct"]["chosen"])
      tokens = np.mean(cell["cost"]["policy_tokens"])
      spent = time.perf_counter() - started
      print(
        f"{name} {rows}: {accuracy:.1f} %, {tokens:,.0f} tokens, "
        f"{cell['wall_s']:.1f} of {spent:.1f} s",
        flush=True,
      )


def arguments() -> argparse.Namespace:
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument("--task", choices=("game24", "countdown"), required=True)
  parser.add_argument("--policy", required=True)
  parser.add_argument("--verifier", required=True)
  parser.add_argument(
    "--target", default="", help="second policy of the methods that want one"
  )
  parser.add_argument("--workdir", type=pathlib.Path, required=True)
  parser.add_argument("--methods", default="", help="names; default: all")
  parser.add_argument("--rows", default=ROWS)
  parser.add_argument("--num_problems", type=int, default=0, help="0: all")
  parser.add_argument("--split", default="test")
  parser.add_argument("--seed", type=int, default=0)
  return parser.parse_args()


if __name__ == "__main__":
  main()
