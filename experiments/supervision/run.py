"""Where labels come from and what is learnt from them, at equal label cost.

  prm-jax train --config chain_policy --workdir POLICY
  prm-jax train --config chain_steps --model POLICY/model --workdir TRUNK
  python experiments/supervision/run.py chain --init TRUNK/model --workdir WORK
  python experiments/supervision/run.py game24 --policy POLICY/model \
    --init POLICY/model --workdir WORK

Every cell is a source of labels (`sources.py`) and an objective, trained with
as many updates from the same weights and measured on the same held-out
problems (`measures.py`); every seed draws its own solutions and completions.
Cells that are in WORK/cells.jsonl are not run again.
"""

import argparse
import itertools
import json
import pathlib
import time
from typing import Any, NamedTuple

import measures
import ml_collections
import policy_sampled
import reference_sampled
import rich
import settings
import sources

from prm_jax.build import verifier_files
from prm_jax.cli import train
from prm_jax.configs import chain_verifier
from prm_jax.data import record_files

FILE = "cells.jsonl"


class Cell(NamedTuple):
  """A source, and what is learnt from it."""

  source: str
  objective: str
  head: str = "scalar"


CELLS = {
  "orm": Cell("outcomes", "orm"),
  "implicit": Cell("outcomes", "implicit", "none"),
  "ovm": Cell("outcomes", "ovm"),
  "tvm": Cell("outcomes", "tvm"),
  "hard": Cell("hard", "step", "step"),
  "soft": Cell("soft", "step", "step"),
  "soft 2": Cell("soft_2", "step", "step"),
  "progress": Cell("progress", "step", "step"),
  "pav": Cell("advantage", "step", "step"),
  "pav, weak": Cell("advantage_weak", "step", "step"),
  "pav, strong": Cell("advantage_strong", "step", "step"),
  "agreed": Cell("agreed", "step", "step"),
  "halved": Cell("halved", "step", "step"),
  "oracle": Cell("oracle", "step", "step"),
  "solvable": Cell("solvable", "step", "step"),
  "hard, pqm": Cell("hard", "pqm"),
  "hard, survival": Cell("hard", "survival"),
  "oracle, pqm": Cell("oracle", "pqm"),
  "oracle, survival": Cell("oracle", "survival"),
}


def configure(
  setting: settings.Setting, cell: Cell, seed: int, args: argparse.Namespace
) -> ml_collections.ConfigDict:
  config = setting.config.copy_and_resolve_references()
  config.seed = seed
  config.init = args.init
  config.objective.name = cell.objective
  config.model.value_head = cell.head
  if args.updates:
    config.fit.num_steps = args.updates
    config.optim.warmup_steps = args.updates // 2
  config.data.batch_size = args.batch or config.data.batch_size
  if cell.head == "none":  # log-ratios with what it begins with
    config.model.use_lm_head = True
    recipe = chain_verifier.get_config("implicit")
    config.objective = recipe.objective
    width = config.objective.list_size * config.data.length
    config.data.update(length=width, boundaries=(width,))
    config.data.batch_size //= config.objective.list_size
  return config


def learn(
  setting: settings.Setting,
  cell: Cell,
  bought: sources.Labelled,
  config: ml_collections.ConfigDict,
  workdir: pathlib.Path,
) -> verifier_files.Verifier:
  workdir.mkdir(parents=True, exist_ok=True)
  kind = "solutions" if cell.source == "outcomes" else "labels"
  for name, rows in (("problems", setting.train), (kind, bought.records)):
    config.examples[name] = str(workdir / f"{name}.jsonl")
    record_files.write(config.examples[name], rows)
  train.stage(config, workdir, data_dir=workdir / "data", label=workdir.name)
  if cell.head == "none":  # sums, of which all else wants probabilities
    told = {"kind": "probabilities", "model": "model"}
    (workdir / verifier_files.FILE).write_text(json.dumps(told))
  return verifier_files.load(verifier_path(workdir), "verifier")


def folder(name: str, budget: int, seed: int) -> str:
  """Of a cell, in the working folder."""
  return f"{name.replace(' ', '_').replace(',', '')}-{budget}-{seed}"


def verifier_path(workdir: pathlib.Path) -> pathlib.Path:
  """What a cell's verifier is read from."""
  return verifier_files.described(workdir) or workdir / "model"


def run_cell(
  name: str,
  seed: int,
  budget: int,
  args: argparse.Namespace,
  setting: settings.Setting,
  held: measures.Held,
) -> dict[str, Any]:
  cell = CELLS[name]
  started = time.perf_counter()
  bought = sources.SOURCES[cell.source](setting, budget, seed)
  labelled_s = time.perf_counter() - started
  config = configure(setting, cell, seed, args)
  workdir = args.workdir / folder(name, budget, seed)
  verifier = learn(setting, cell, bought, config, workdir)
  return {
    "cell": name,
    "task": args.task,
    "seed": seed,
    "budget": budget,
    "tokens": bought.tokens,
    "labelled_s": labelled_s,
    "wall_s": time.perf_counter() - started,
    **bought.told,
    **measures.values(verifier, held),
    **measures.first_errors(verifier, held),
    **measures.best_of_n(verifier, held),
    **setting.searched(verifier),
  }


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__)
  known = (*reference_sampled.TASKS, *policy_sampled.TASKS)
  parser.add_argument("task", choices=known)
  parser.add_argument(
    "--policy",
    default="",
    help="of the number games; of others, what particles are written by",
  )
  parser.add_argument(
    "--provers", nargs="+", default=[], help="weak=DIR strong=DIR"
  )
  parser.add_argument("--init", required=True, help="what verifiers start from")
  parser.add_argument("--workdir", type=pathlib.Path, required=True)
  parser.add_argument("--cells", nargs="+", default=list(CELLS))
  parser.add_argument("--seeds", type=int, default=3)
  parser.add_argument("--budgets", type=int, nargs="+", default=[100_000])
  parser.add_argument("--updates", type=int, default=0)
  parser.add_argument("--batch", type=int, default=0)
  parser.add_argument("--prefixes", type=int, default=600)
  parser.add_argument("--solutions", type=int, default=400)
  parser.add_argument("--groups", type=int, default=376, help="of 16 samples")
  args = parser.parse_args()
  if args.task in policy_sampled.TASKS:
    provers = {
      name: folder
      for name, _, folder in (one.partition("=") for one in args.provers)
    }
    setting: settings.Setting = policy_sampled.load(
      args.task, args.policy, provers
    )
  else:
    setting = reference_sampled.load(args.task, args.policy)
  held = measures.hold(setting, args.prefixes, args.solutions, args.groups)
  args.workdir.mkdir(parents=True, exist_ok=True)
  file = args.workdir / FILE
  lines = file.read_text().splitlines() if file.exists() else []
  key = ("cell", "task", "seed", "budget")
  done = {tuple(json.loads(line)[k] for k in key) for line in lines}
  # A cell has all its seeds before the next is begun.
  grid = itertools.product(args.budgets, args.cells, range(args.seeds))
  for budget, name, seed in grid:
    if (name, args.task, seed, budget) not in done:
      found = run_cell(name, seed, budget, args, setting, held)
      with file.open("a") as out:
        out.write(json.dumps(found) + "\n")
      rich.print(found)


if __name__ == "__main__":
  main()
