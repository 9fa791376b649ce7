"""Labels per second, and policy tokens per label, of each way to label.

  python experiments/benchmarks/labelling/throughput.py \
    --policy RUN/policy/model --out throughput.json

The policy writes solutions of Game of 24, and labels them as the commands do,
through one compiled program per number of completions. Methods take turns,
several rounds of them; the first compiles and warms up. Seconds are medians
over the rounds, the interval their range; CPU seconds, of all threads, say
more where other work shares the machine. Utilisation: tokens written / (rows x
iterations of the decoder), rows that wait or fill up a batch included.

Methods that only make labels of labels run over those of "rollouts", often
enough to be measured.
"""

import argparse
import functools
import itertools
import os
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import meters
import numpy as np

from prm_jax.build import fields
from prm_jax.cli import label_policy, policies, relabel, relabel_input
from prm_jax.configs import omega as omega_config
from prm_jax.configs import relabel as relabel_config
from prm_jax.data import records
from prm_jax.labelling import (
  binary_search,
  judges,
  label_stats,
  omega,
  omega_tree,
  prefix_tree,
  rollouts,
  tree_values,
)
from prm_jax.reports import results
from prm_jax.solvers import rollouts as completions
from prm_jax.tasks import base as tasks

NUM = 8  # completions of a prefix
PATHS = ("policy", "out")
PASSES = 20  # over labels that exist
# They make labels of other files than these.
ELSEWHERE = ("mutations",)


class Bench:
  """A policy, what it labels, and the methods by name."""

  def __init__(self, args: argparse.Namespace):
    config = omega_config.get_config()
    config.policy = args.policy
    config.solver.batch_size = args.batch_size
    config.solver.slots = args.slots
    self.completer = label_policy.load(config)
    self.task = self.completer.task
    notation = policies.notation(self.completer.policy)
    problems = itertools.islice(self.task.problems("train"), args.problems)
    self.problems = list(problems)
    longest = max(len(notation.encode_prompt(p.prompt)) for p in self.problems)
    room = longest + config.solver.max_tokens
    self.meters = {}
    self.write: dict[int, Callable[..., Any]] = {}
    for num in (NUM, args.samples):
      own = label_policy.sampler(config, self.completer, num, room)
      self.meters[num] = meters.Meter(own)
      self.write[num] = functools.partial(
        completions.write, self.meters[num], self.task, notation
      )
    self.samples = args.samples
    self.given = self._solutions()

  def _solutions(self) -> list[rollouts.Given]:
    """The first two solutions of each problem."""
    bare: list[tuple[str, ...]] = [()] * len(self.problems)
    written = self.write[NUM](self.problems, bare)
    found = [
      (problem, one.steps)
      for problem, rows in zip(self.problems, written, strict=True)
      for one in rows[:2]
      if one.steps
    ]
    return [rollouts.Given(i, *pair) for i, pair in enumerate(found)]

  def complete(
    self, problems: Sequence[tasks.Problem], steps: Sequence[tuple[str, ...]]
  ) -> completions.Completions:
    return completions.count(self.write[NUM](problems, steps))

  def labels(self, **options: Any) -> list[records.StepLabels]:
    own = rollouts.RolloutConfig(num=NUM, **options)
    return rollouts.label(self.given, self.complete, self.task, own, "policy")

  def halved(self) -> list[records.StepLabels]:
    own = binary_search.SearchConfig(num=NUM)
    return binary_search.label(
      self.given, self.complete, self.task, own, "policy"
    )

  def searched(self, num_searches: int) -> list[records.StepLabels]:
    own = omega_tree.OmegaConfig(num=NUM, num_searches=num_searches)
    items = list(enumerate(self.problems))
    found = omega.label(items, self.write[NUM], own, "policy")
    return [one for each in found for one in each.labels]

  def sampled(self) -> list[tree_values.Checked]:
    bare: list[tuple[str, ...]] = [()] * len(self.problems)
    written = self.write[self.samples](self.problems, bare)
    return [
      tree_values.Checked(problem.id, one.steps, one.correct)
      for problem, rows in zip(self.problems, written, strict=True)
      for one in rows
      if one.steps
    ]

  def token_labels(self) -> int:
    """Labels of all prefixes, as of a token-supervised value model."""
    bare: list[tuple[str, ...]] = [()] * len(self.problems)
    written = self.write[self.samples](self.problems, bare)
    responses = [
      row[:length]
      for one in self.meters[self.samples].solved
      for rows, lengths in zip(one.tokens, one.length, strict=True)
      for row, length in zip(rows, lengths, strict=True)
    ]
    outcomes = [one.correct for rows in written for one in rows]
    groups = np.repeat(np.arange(len(written)), self.samples)
    samples = prefix_tree.from_sequences(responses, outcomes, groups)
    return len(prefix_tree.count(samples).n_total)


def counted(labels: Sequence[records.StepLabels]) -> int:
  """Steps that are trained on."""
  return int(label_stats.trained(labels)["labels"])


def methods(bench: Bench, num_searches: int) -> dict[str, Callable[[], int]]:
  """By name: labels, and tells how many it has made."""
  tree = lambda method: counted(
    tree_values.label(bench.sampled(), method, "policy")
  )
  return {
    "outcomes": lambda: len(bench.sampled()),
    "token values": bench.token_labels,
    "AlphaMath": lambda: tree("alpha_math"),
    "ReST-MCTS*": lambda: tree("rest"),
    "rollouts, hard": lambda: counted(bench.labels()),
    "rollouts, soft": lambda: counted(bench.labels(targets="soft")),
    "rollouts, until the error": lambda: counted(
      bench.labels(after_error="skip")
    ),
    "halving": lambda: counted(bench.halved()),
    "OmegaPRM": lambda: counted(bench.searched(num_searches)),
  }


def relabelled(bench: Bench) -> dict[str, Callable[[], int]]:
  """Methods that make labels of labels, with the truth as their judge."""
  labels = bench.labels(targets="soft", root=True)
  known = {problem.id: problem for problem in bench.problems}
  given = relabel.Given(
    relabel_input.Input(labels, known, []),
    other=lambda: labels,
    judge=lambda: judges.Oracle(bench.task),
  )

  def passes(name: str) -> int:
    options, method = relabel.METHODS[name]
    chosen = dict(relabel_config.METHODS[name])
    own: Any = fields.dataclass(options, chosen, "method")
    for _ in range(PASSES):
      method(given, own)
    return PASSES * sum(len(one.n_total) for one in labels)

  names = [name for name in relabel.METHODS if name not in ELSEWHERE]
  return {f"relabel:{name}": functools.partial(passes, name) for name in names}


def measure(
  bench: Bench, args: argparse.Namespace
) -> dict[str, list[meters.Round]]:
  """Rounds of each method, without the first."""
  every = {**methods(bench, args.num_searches), **relabelled(bench)}
  found: dict[str, list[meters.Round]] = {name: [] for name in every}
  for _ in range(args.rounds + 1):
    for name, method in every.items():
      found[name].append(meters.timed(bench.meters.values(), method))
  return {name: own[1:] for name, own in found.items()}


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument("--policy", required=True)
  parser.add_argument("--out", type=pathlib.Path, required=True)
  parser.add_argument("--problems", type=int, default=64)
  parser.add_argument("--samples", type=int, default=16)
  parser.add_argument("--num-searches", type=int, default=10)
  parser.add_argument("--batch-size", type=int, default=64)
  parser.add_argument("--slots", type=int, default=0)
  parser.add_argument("--rounds", type=int, default=5)
  args = parser.parse_args()
  load = [os.getloadavg()[0]]
  bench = Bench(args)
  rows = [meters.row_of(*item) for item in measure(bench, args).items()]
  load.append(os.getloadavg()[0])
  for row in rows:
    print(meters.told(row))
  options = {k: v for k, v in vars(args).items() if k not in PATHS}
  # What else the machine did; this process adds up to 2.
  options |= {"solutions": len(bench.given), "load_before_after": load}
  results.write(args.out, "labelling throughput", options, rows)


if __name__ == "__main__":
  main()
