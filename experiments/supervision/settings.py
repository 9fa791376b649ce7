"""A task whose values are known, and what labellers and verifiers start from.

Solutions and completions are those of the task's own policy, which
`labelling.references` samples.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import ml_collections
import numpy as np

from prm_jax.build import models
from prm_jax.configs import chain_value, graph_policy
from prm_jax.data import records
from prm_jax.labelling import references, rollouts
from prm_jax.solvers import rollouts as completions
from prm_jax.tasks import base as tasks
from prm_jax.tasks import error_sets


class Setting(NamedTuple):
  """What all cells of the grid share.

  Attributes:
    task: with `sample`, `value` and `oracle`.
    config: of a training run on it.
    train: problems to learn from.
    test: problems to measure on.
  """

  task: Any
  config: ml_collections.ConfigDict
  train: list[tasks.Problem]
  test: list[tasks.Problem]


class Prefixes(NamedTuple):
  """Held-out step ends with their exact values."""

  problems: list[tasks.Problem]
  steps: list[tuple[str, ...]]
  value: np.ndarray  # [n]


def load(name: str) -> Setting:
  config = chain_value.get_config()
  if name == "chain":
    config.data.boundaries = (48,)  # the longest solutions
  else:
    policy = graph_policy.get_config()
    for group in ("task", "model", "data"):
      config[group] = policy[group]
    config.model.value_head = "scalar"
  config.examples.source = "files"
  config.model.use_lm_head = False
  task = models.task(config.task)
  splits = [list(task.problems(split)) for split in ("train", "test")]
  return Setting(task, config, *splits)


def draw(setting: Setting, seed: int, num: int) -> list[rollouts.Given]:
  """Solutions of training problems by the task's policy, problems in turns."""
  rng = np.random.default_rng((seed, 1))
  order = rng.permutation(len(setting.train))
  found = []
  for index in range(num):
    problem = setting.train[order[index % len(order)]]
    steps, _ = setting.task.sample(problem, rng)
    found.append(rollouts.Given(index, problem, tuple(steps)))
  return found


def tokens_of(setting: Setting, given: Sequence[rollouts.Given]) -> list[int]:
  tokenizer = setting.task.tokenizer()
  return [
    references.num_tokens(tokenizer, one.problem, one.steps) for one in given
  ]


class Remembering:
  """Completions of prefixes, which cost nothing when asked for again."""

  def __init__(self, setting: Setting, num: int, seed: int):
    self._write = references.writer(setting.task, num, seed)
    self._known: set[tuple[str, tuple[str, ...]]] = set()

  def __call__(
    self, problems: Sequence[tasks.Problem], steps: Sequence[tuple[str, ...]]
  ) -> completions.Completions:
    found = completions.count(self._write(problems, steps))
    keys = list(zip([p.id for p in problems], steps, strict=True))
    fresh = [key not in self._known for key in keys]
    self._known.update(keys)
    return found._replace(num_tokens=found.num_tokens * np.array(fresh))


def to_solutions(
  setting: Setting, given: Sequence[rollouts.Given]
) -> list[records.Solution]:
  return [
    records.Solution(
      one.problem.id,
      one.steps,
      None,
      setting.task.verify(one.problem, one.steps).correct,
      "reference",
    )
    for one in given
  ]


def prefixes(setting: Setting, num: int) -> Prefixes:
  """Ends of random steps of held-out solutions, the answer's left out."""
  rng = np.random.default_rng(12345)
  problems, steps = [], []
  for index in range(num):
    problem = setting.test[index % len(setting.test)]
    solution, _ = setting.task.sample(problem, rng)
    problems.append(problem)
    steps.append(tuple(solution[: int(rng.integers(1, len(solution)))]))
  pairs = zip(problems, steps, strict=True)
  return Prefixes(
    problems, steps, np.array([setting.task.value(*pair) for pair in pairs])
  )


def samples(
  setting: Setting, groups: int, rows: int
) -> list[tuple[tasks.Problem, tuple[str, ...], bool]]:
  """Held-out solutions, `rows` of a problem side by side, so many groups."""
  rng = np.random.default_rng(54321)
  found = []
  for group in range(groups):
    problem = setting.test[group % len(setting.test)]
    for _ in range(rows):
      steps, correct = setting.task.sample(problem, rng)
      found.append((problem, tuple(steps), correct))
  return found


def errors_of(
  setting: Setting, split: tasks.Split, num: int
) -> list[tuple[tasks.Problem, tuple[str, ...], int]]:
  """Whole solutions with the index of the first error, -1: none."""
  by_id = {p.prompt: p for p in setting.task.problems(split)}
  rows = error_sets.make_rows(setting.task, split, num, seed=7)
  return [(by_id[r["problem"]], tuple(r["steps"]), r["label"]) for r in rows]
