"""Number games with a trained policy, whose values are known by rollouts."""

import itertools
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import ml_collections
import numpy as np
import rich
import searching
import settings

from prm_jax import errors
from prm_jax.build import models, verifier_files
from prm_jax.cli import label_policy, policies
from prm_jax.configs import (
  countdown_search,
  countdown_value,
  game24_search,
  game24_value,
)
from prm_jax.labelling import rollouts
from prm_jax.solvers import judging, prompts, solver
from prm_jax.solvers import rollouts as completions
from prm_jax.tasks import base as tasks
from prm_jax.text import tokenizer as tokenizer_lib

CONFIGS = {
  "game24": (game24_value, game24_search),
  "countdown": (countdown_value, countdown_search),
}
TASKS = tuple(CONFIGS)
MOST_TRAIN, MOST_HELD_OUT = 1100, 136  # problems: Game of 24 has no more
DRAWN = 4  # solutions of a problem that are sampled at a time
HELD_ROWS = 32  # solutions of each held-out problem
BATCH = 68  # problems or prefixes sampled at a time
ROLLOUTS = 64  # behind a value


class PolicySampled:
  """See `settings.Setting`."""

  def __init__(
    self,
    task: settings.Task,
    config: ml_collections.ConfigDict,
    search: ml_collections.ConfigDict,
    policy: models.Loaded,
    completer: str = "policy",
    provers: Mapping[str, settings.Completer] = {},
  ):
    self.task, self.config = task, config
    self.completer, self.provers = completer, provers
    splits = {
      "train": MOST_TRAIN,
      "validation": MOST_HELD_OUT,
      "test": MOST_HELD_OUT,
    }
    self._problems = {
      name: list(itertools.islice(task.problems(name), most))
      for name, most in splits.items()
    }
    self.train = self._problems["train"]
    self._search, self._policy = search, policy
    self._solvers: dict[tuple[int, int], solver.Solver] = {}
    self._drawn: dict[int, list[rollouts.Given]] = {}
    self._turns: dict[int, int] = {}
    self._written: dict[
      tuple[int, int, str, settings.Steps], list[completions.Rollout]
    ] = {}
    self._searching = searching.Searching(
      task, policy, search, self._problems["test"]
    )
    self._held: dict[str, list[list[settings.Sample]]] = {}

  def tokenizer(self) -> tokenizer_lib.Tokenizer:
    return policies.notation(self._policy)

  def fits(self, problem: tasks.Problem, steps: settings.Steps) -> bool:
    try:
      prompts.begin(self.tokenizer(), problem, steps)
    except errors.UserError:
      return False
    return bool(steps)

  def draw(self, seed: int, start: int, num: int) -> list[rollouts.Given]:
    """Solutions that cannot be read again are left out, and counted."""
    found = self._drawn.setdefault(seed, [])
    while len(found) < start + num:
      turn = self._turns.get(seed, 0)
      self._turns[seed] = turn + 1
      order = np.random.default_rng((seed, 1)).permutation(len(self.train))
      problems = [self.train[i] for i in order]
      rows = self._sample(problems, DRAWN, 10_000 * (seed + 1) + turn)
      every = [own[n] for n in range(DRAWN) for own in rows]
      kept = [one for one in every if one[1]]
      rich.print(f"seed {seed}: {len(kept)} of {len(every)} samples are usable")
      found += [
        rollouts.Given(len(found) + i, problem, steps)
        for i, (problem, steps, _) in enumerate(kept)
      ]
    return found[start : start + num]

  def write(
    self,
    problems: Sequence[tasks.Problem],
    steps: Sequence[settings.Steps],
    num: int,
    seed: int,
  ) -> list[list[completions.Rollout]]:
    keys = [
      (num, seed, problem.id, begun)
      for problem, begun in zip(problems, steps, strict=True)
    ]
    fresh = {
      key: (problem, key[3])
      for key, problem in zip(keys, problems, strict=True)
      if key not in self._written
    }
    if fresh:
      found = completions.write(
        self._sampler(num, seed),
        self.task,
        self.tokenizer(),
        *map(list, zip(*fresh.values(), strict=True)),
      )
      self._written.update(zip(fresh, found, strict=True))
    return [self._written[key] for key in keys]

  def prefixes(self, num: int) -> settings.Prefixes:
    rng = np.random.default_rng(12345)
    held = self._held_out("test")
    problems, steps = [], []
    for index in range(num):
      longer = [one for one in held[index % len(held)] if len(one[1]) > 1]
      problem, written, _ = longer[int(rng.integers(len(longer)))]
      problems.append(problem)
      steps.append(written[: int(rng.integers(1, len(written)))])
    counted = completions.from_prefixes(
      self._sampler(ROLLOUTS, 4242),
      self.task,
      self.tokenizer(),
      problems,
      steps,
    )
    value = counted.num_correct / counted.num_total
    return settings.Prefixes(problems, steps, value, ROLLOUTS)

  def erring(self, split: tasks.Split, num: int) -> list[settings.Erring]:
    """An error is the first step behind which the target is out of reach."""
    right: dict[tuple[str, settings.Steps], settings.Erring] = {}
    wrong: dict[tuple[str, settings.Steps], settings.Erring] = {}
    for problem, steps, correct in itertools.chain(*self._held_out(split)):
      if not steps:
        continue
      solvable = self.task.oracle(problem, steps).solvable
      if correct:
        right[problem.id, steps] = problem, steps, -1
      elif False in solvable:
        wrong[problem.id, steps] = problem, steps, solvable.index(False)
    rng = np.random.default_rng(7)
    found = []
    for side in (right, wrong):
      rows = list(side.values())
      found += [rows[i] for i in rng.permutation(len(rows))[: num // 2]]
    return found

  def samples(self, groups: int, rows: int) -> list[settings.Sample]:
    held = self._held_out("test")
    found = []
    for group in range(groups):
      block = group // len(held) * rows
      found += held[group % len(held)][block : block + rows]
    if len(found) < groups * rows:
      raise ValueError(f"{groups} groups of {rows}: more than were sampled")
    return found

  def searched(self, verifier: verifier_files.Verifier) -> Mapping[str, float]:
    return self._searching(verifier)

  def _held_out(self, split: tasks.Split) -> list[list[settings.Sample]]:
    if split not in self._held:
      problems = self._problems[split]
      self._held[split] = self._sample(problems, HELD_ROWS, 999)
    return self._held[split]

  def _sample(
    self, problems: Sequence[tasks.Problem], num: int, seed: int
  ) -> list[list[settings.Sample]]:
    """`num` of each; without steps where they cannot be read again."""
    solved = self._sampler(num, seed).solve(problems)
    judged = judging.judge(self.task, self.tokenizer(), solved)
    return [
      [
        (
          problem,
          steps if self.fits(problem, steps) else (),
          bool(correct),
        )
        for steps, correct in zip(*rows, strict=True)
      ]
      for problem, rows in zip(
        problems, zip(judged.steps, judged.correct, strict=True), strict=True
      )
    ]

  def _sampler(self, num: int, seed: int) -> solver.Solver:
    if (num, seed) not in self._solvers:
      config = self._search.copy_and_resolve_references()
      config.seed = seed
      config.solver.update(prompt_tokens=0, batch_size=BATCH)
      longest = 8 + config.solver.max_tokens
      self._solvers[num, seed] = label_policy.sampler(
        config,
        label_policy.Completer(self.task, self._policy, self.completer),
        num,
        longest,
      )
    return self._solvers[num, seed]


def load(
  name: str, policy: str | pathlib.Path, provers: Mapping[str, str] = {}
) -> PolicySampled:
  """The task, its policy, and folders of other policies by name."""
  value, search = CONFIGS[name]
  task = models.task(value.get_config().task)

  def one(folder: str | pathlib.Path, field: str, *rest: Any) -> PolicySampled:
    own = search.get_config("particle")
    found = models.load(folder, field)
    return PolicySampled(task, value.get_config(), own, found, *rest)

  others = {
    key: one(folder, "--provers", key) for key, folder in provers.items()
  }
  return one(policy, "--policy", "policy", others)
