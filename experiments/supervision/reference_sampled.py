"""Tasks with a policy that is a few lines of arithmetic, and exact values."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import ml_collections
import numpy as np
import searching
import settings

from prm_jax.build import models, verifier_files
from prm_jax.configs import chain_value, game24_search, graph_policy
from prm_jax.labelling import references, rollouts
from prm_jax.solvers import rollouts as completions
from prm_jax.tasks import base as tasks
from prm_jax.tasks import error_sets
from prm_jax.text import tokenizer as tokenizer_lib

MODULI = {"graph_arithmetic": "23", "graph_mod7": "7"}
TASKS = ("chain", *MODULI)
# Particle filters of a held-out problem at most, and of all.
DRAWS, MOST_SEARCHED = 4, 188


class ReferenceSampled:
  """See `settings.Setting`; the task has `sample` and `value`.

  The policy is no model, which search programs ask for: they take one that
  was trained on its solutions, if there is one.
  """

  completer = "reference"
  provers: Mapping[str, settings.Completer] = {}

  def __init__(
    self,
    task: Any,
    config: ml_collections.ConfigDict,
    imitation: models.Loaded | None = None,
  ):
    self.task, self.config = task, config
    self.train, self.test = (
      list(task.problems(split)) for split in ("train", "test")
    )
    self._lists: dict[int, _Listed] = {}
    self._searching: searching.Searching | None = None
    if imitation is not None:
      search = game24_search.get_config("particle")
      search.solver.update(prompt_tokens=0, max_tokens=config.data.length)
      problems = _drawn_again(self.test)[:MOST_SEARCHED]
      self._searching = searching.Searching(task, imitation, search, problems)

  def tokenizer(self) -> tokenizer_lib.Tokenizer:
    return self.task.tokenizer()

  def draw(self, seed: int, start: int, num: int) -> list[rollouts.Given]:
    if seed not in self._lists:
      self._lists[seed] = _Listed(self, seed)
    listed = self._lists[seed]
    while len(listed.found) < start + num:
      listed.extend()
    return listed.found[start : start + num]

  def write(
    self,
    problems: Sequence[tasks.Problem],
    steps: Sequence[settings.Steps],
    num: int,
    seed: int,
  ) -> list[list[completions.Rollout]]:
    return references.writer(self.task, num, seed)(problems, steps)

  def fits(self, problem: tasks.Problem, steps: settings.Steps) -> bool:
    return True

  def prefixes(self, num: int) -> settings.Prefixes:
    rng = np.random.default_rng(12345)
    problems, steps = [], []
    for index in range(num):
      problem = self.test[index % len(self.test)]
      solution, _ = self.task.sample(problem, rng)
      problems.append(problem)
      steps.append(tuple(solution[: int(rng.integers(1, len(solution)))]))
    pairs = zip(problems, steps, strict=True)
    value = np.array([self.task.value(*pair) for pair in pairs])
    return settings.Prefixes(problems, steps, value, 0)

  def erring(self, split: tasks.Split, num: int) -> list[settings.Erring]:
    by_id = {p.prompt: p for p in self.task.problems(split)}
    rows = error_sets.make_rows(self.task, split, num, seed=7)
    return [(by_id[r["problem"]], tuple(r["steps"]), r["label"]) for r in rows]

  def samples(self, groups: int, rows: int) -> list[settings.Sample]:
    rng = np.random.default_rng(54321)
    found = []
    for group in range(groups):
      problem = self.test[group % len(self.test)]
      for _ in range(rows):
        steps, correct = self.task.sample(problem, rng)
        found.append((problem, tuple(steps), correct))
    return found

  def searched(self, verifier: verifier_files.Verifier) -> Mapping[str, float]:
    return {} if self._searching is None else self._searching(verifier)


def _drawn_again(problems: Sequence[tasks.Problem]) -> list[tasks.Problem]:
  """Each DRAWS times under other names, of which its sampling depends."""
  return [
    dataclasses.replace(problem, id=f"{problem.id}/{index}")
    for index in range(DRAWS)
    for problem in problems
  ]


class _Listed:
  """A seed's solutions, as far as they were asked for."""

  def __init__(self, setting: ReferenceSampled, seed: int):
    self.found: list[rollouts.Given] = []
    self._setting = setting
    self._rng = np.random.default_rng((seed, 1))
    self._order = self._rng.permutation(len(setting.train))

  def extend(self) -> None:
    index = len(self.found)
    problem = self._setting.train[self._order[index % len(self._order)]]
    steps, _ = self._setting.task.sample(problem, self._rng)
    self.found.append(rollouts.Given(index, problem, tuple(steps)))


def load(name: str, policy: str = "") -> ReferenceSampled:
  """The task, and a model that imitates its policy, "" for none."""
  config = chain_value.get_config()
  if name == "chain":
    config.data.boundaries = (48,)  # the longest solutions
  else:
    own = graph_policy.get_config(MODULI[name])
    for group in ("task", "model", "data"):
      config[group] = own[group]
    config.model.value_head = "scalar"
  config.examples.source = "files"
  config.model.use_lm_head = False
  imitation = models.load(policy, "--policy") if policy else None
  return ReferenceSampled(models.task(config.task), config, imitation)
