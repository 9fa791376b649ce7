"""Values that ORM, OVM and TVM learn, against the exact value function.

  prm-jax train --config chain_policy --workdir RUN
  python experiments/value_truth/run.py chain --policy RUN/model \
    --workdir /tmp/value_chain
  python experiments/value_truth/run.py game24 --policy RUN/policy/model \
    --workdir /tmp/value_game24

On `chain` V is exact for every prefix. On `game24` V of the policy is
estimated at held-out step ends by fresh rollouts, whose variance is taken off
the squared error. Every seed draws its own samples and trains its own models;
the held-out prefixes are the same for all.
"""

import argparse
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import jax
import ml_collections
import numpy as np
import rich

from prm_jax.build import models
from prm_jax.build.methods import sampling
from prm_jax.cli import solving, train, verifying
from prm_jax.configs import chain_value, game24_search, game24_value
from prm_jax.data import record_files, records
from prm_jax.decode import score
from prm_jax.eval import calibration, ranking, seeds
from prm_jax.reports import results, tables
from prm_jax.solvers import judging, rollouts
from prm_jax.tasks import base as tasks
from prm_jax.tasks import chain as chain_lib
from prm_jax.text import steps as steps_lib
from prm_jax.text import tokenizer as tokenizer_lib

OBJECTIVES = ("orm", "ovm", "tvm")
METRICS = ("value_mse", "spearman", "ece")


class Truth(NamedTuple):
  """Held-out prefixes and what is known of their values."""

  problems: list[tasks.Problem]
  steps: list[tuple[str, ...]]
  num_correct: np.ndarray  # [n]
  num_rollouts: np.ndarray  # [n]; 0 where `value` is exact
  value: np.ndarray  # [n]


def chain_truth(task: chain_lib.Chain, num: int) -> Truth:
  """Random prefixes of held-out problems; V from the task's recursion."""
  rng = np.random.default_rng(12345)
  problems, steps = [], []
  held_out = list(task.problems("test"))
  for i in range(num):
    problem = held_out[i % len(held_out)]
    solution, _ = task.sample(problem, rng)
    cut = int(rng.integers(1, len(solution)))
    problems.append(problem)
    steps.append(tuple(solution[:cut]))
  pairs = zip(problems, steps, strict=True)
  value = np.array([task.value(p, s) for p, s in pairs])
  none = np.zeros(num, np.int64)
  return Truth(problems, steps, none, none, value)


def chain_samples(
  task: chain_lib.Chain, seed: int, num_rows: int
) -> tuple[list[tasks.Problem], list[records.Solution]]:
  """Solutions of the generator for every training problem."""
  rng = np.random.default_rng(seed)
  problems = list(task.problems("train"))
  solutions = []
  for problem in problems:
    for _ in range(num_rows):
      steps, correct = task.sample(problem, rng)
      solutions.append(
        records.Solution(problem.id, tuple(steps), None, bool(correct), "chain")
      )
  return problems, solutions


def sampler(task, policy, seed: int, num_rows: int, prompt_tokens: int = 8):
  """A solver that samples the policy and judges nothing."""
  config = game24_search.get_config("best_of_n")
  config.solver.prompt_tokens = prompt_tokens
  return solving.make_solver(
    task,
    policy,
    verifying.none(),
    search=sampling.BestOfN(num_rows),
    sampler=config.sampler,
    sizes=config.solver,
    seed=seed,
  )


def game24_truth(task, policy, num: int, num_rollouts: int) -> Truth:
  """Step ends of held-out samples, valued by fresh rollouts from there."""
  held_out = list(task.problems("test"))
  solved = sampler(task, policy, 999, 4).solve(held_out)
  judged = judging.judge(task, policy.tokenizer, solved)
  rng = np.random.default_rng(12345)
  problems, steps = [], []
  while len(problems) < num:
    i, n = int(rng.integers(len(held_out))), int(rng.integers(4))
    written = judged.steps[i][n]
    if len(written) > 1:
      problems.append(held_out[i])
      steps.append(written[: int(rng.integers(1, min(len(written), 3)))])
  return _rollouts(task, policy, problems, steps, num_rollouts)


def _rollouts(task, policy, problems, steps, num_rollouts: int) -> Truth:
  searching = sampler(task, policy, 4242, num_rollouts, prompt_tokens=48)
  correct, total = rollouts.from_prefixes(
    searching, task, policy.tokenizer, problems, steps
  )
  return Truth(problems, steps, correct, total, correct / total)


def predict(verifier: models.Loaded, truth: Truth) -> np.ndarray:
  """[n] the verifier's value of every held-out prefix."""
  tokenizer = verifier.tokenizer
  encoded = [
    _closed(tokenizer, problem, written)
    for problem, written in zip(truth.problems, truth.steps, strict=True)
  ]
  longest = max(len(tokens) for tokens in encoded)
  texts = np.zeros((len(encoded), longest), np.int32)
  for row, tokens in enumerate(encoded):
    texts[row, : len(tokens)] = tokens
  length = np.array([len(tokens) for tokens in encoded])
  run = jax.jit(lambda p, x, n: score.prefix_scores(verifier.model, p, x, n))
  values = np.asarray(run(verifier.params, texts, length))
  return values[np.arange(len(texts)), length - 1].astype(np.float64)


def _closed(
  tokenizer: tokenizer_lib.Tokenizer,
  problem: tasks.Problem,
  written: Sequence[str],
) -> list[int]:
  found = steps_lib.encode_solution(
    tokenizer, problem.prompt, written, finished=False
  )
  return found.tokens.tolist()


def measure(predicted: np.ndarray, truth: Truth) -> dict[str, float]:
  """Squared error to V (rollout noise taken off), rank correlation, ECE."""
  if truth.num_rollouts.any():
    error = calibration.monte_carlo_squared_error(
      predicted, truth.num_correct, truth.num_rollouts
    )
  else:
    error = float(np.mean((predicted - truth.value) ** 2))
  return {
    "value_mse": error,
    "spearman": ranking.spearman(predicted, truth.value),
    "ece": calibration.expected_error(predicted, truth.value),
  }


def train_one(
  config: ml_collections.ConfigDict,
  workdir: pathlib.Path,
  problems: Sequence[tasks.Problem],
  solutions: Sequence[records.Solution],
  label: str,
) -> models.Loaded:
  workdir.mkdir(parents=True, exist_ok=True)
  config.examples.problems = str(workdir / "problems.jsonl")
  config.examples.solutions = str(workdir / "solutions.jsonl")
  record_files.write(config.examples.problems, problems)
  record_files.write(config.examples.solutions, solutions)
  return train.stage(config, workdir, data_dir=workdir / "data", label=label)


def summary(
  task_name: str, found: dict[str, list[dict[str, float]]], num: int
) -> list[results.Row]:
  """Means over seeds with Student intervals."""
  rows = []
  for objective, by_seed in found.items():
    for metric in METRICS:
      own = seeds.mean(np.array([one[metric] for one in by_seed]))
      rows.append(
        results.Row(
          f"{task_name}/{objective}",
          metric,
          own.value,
          own.low,
          own.high,
          len(by_seed),
          {"prefixes": num},
        )
      )
  return rows


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument("task", choices=("chain", "game24"))
  parser.add_argument("--policy", help="model the value models start from")
  parser.add_argument("--workdir", type=pathlib.Path, required=True)
  parser.add_argument("--seeds", type=int, default=5)
  parser.add_argument("--prefixes", type=int, default=600)
  parser.add_argument("--rollouts", type=int, default=128)
  parser.add_argument("--samples", type=int, default=32, help="per problem")
  parser.add_argument("--objectives", nargs="+", default=OBJECTIVES)
  parser.add_argument("--steps", type=int, default=0, help="training updates")
  args = parser.parse_args()
  module = chain_value if args.task == "chain" else game24_value
  base = module.get_config()
  task = models.task(base.task)
  policy = models.load(args.policy, "--policy")
  if args.task == "chain":
    truth = chain_truth(task, args.prefixes)
  else:
    truth = game24_truth(task, policy, args.prefixes, args.rollouts)
  found: dict[str, list[dict[str, float]]] = {n: [] for n in args.objectives}
  for seed in range(args.seeds):
    if args.task == "chain":
      problems, solutions = chain_samples(task, seed, args.samples)
    else:
      problems = list(task.problems("train"))
      solved = sampler(task, policy, seed, args.samples).solve(problems)
      judged = judging.judge(task, policy.tokenizer, solved)
      solutions = judging.to_solutions(solved, judged, "policy")
    for objective in args.objectives:
      config = module.get_config(objective)
      config.seed = seed
      config.init = args.policy
      config.fit.num_steps = args.steps or config.fit.num_steps
      label = f"{args.task} {objective} seed {seed}"
      workdir = args.workdir / f"{objective}-{seed}"
      verifier = train_one(config, workdir, problems, solutions, label)
      found[objective].append(measure(predict(verifier, truth), truth))
      rich.print(label, found[objective][-1])
  rows = summary(args.task, found, args.prefixes)
  hidden = ("workdir", "policy")  # paths of this machine
  config = {k: str(v) for k, v in vars(args).items() if k not in hidden}
  results.write(
    args.workdir / results.FILE, f"value_truth {args.task}", config, rows
  )
  rich.print(tables.to_rich(tables.measurement_table(rows)))


if __name__ == "__main__":
  main()
