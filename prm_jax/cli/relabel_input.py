"""Labels or solutions to relabel, their problems, and the truth of tasks."""

import dataclasses
import functools
import json
from collections.abc import Mapping, Sequence
from typing import Any

import ml_collections

from prm_jax import errors
from prm_jax.data import record_files, records, solution_files
from prm_jax.labelling import rollouts
from prm_jax.tasks import base as tasks
from prm_jax.tasks import registry


@dataclasses.dataclass(frozen=True)
class Input:
  """What the command is given.

  Attributes:
    labels: of solutions; those that came without have no counts.
    known: problems by id.
    bad: a message per line that could not be read.
  """

  labels: list[records.StepLabels]
  known: Mapping[str, tasks.Problem]
  bad: list[str]

  def problems(
    self, labels: Sequence[records.StepLabels]
  ) -> list[tasks.Problem]:
    """The problem of each record.

    Raises:
      UserError: names the first record whose problem is not known.
    """
    for index, label in enumerate(labels):
      if label.problem_id not in self.known:
        raise errors.UserError(
          f"labels[{index}].problem_id: no problem {label.problem_id!r}; name "
          "their file, --config.problems=FILE"
        )
    return [self.known[label.problem_id] for label in labels]


def read(config: ml_collections.ConfigDict) -> Input:
  """Reads `input`, and problems from `problems`.

  Raises:
    UserError: names file, line and field.
  """
  known = {}
  if config.problems:
    listed = record_files.read(config.problems, records.Problem).records
    known = {problem.id: problem for problem in listed}
  if _holds_labels(config.input):
    labels, bad = labels_of(config.input, config.skip_bad)
    return Input(labels, known, bad)
  read_ = solution_files.read(
    config.input, config.split, config.skip_bad, known
  )
  found, bad = [], list(read_.bad)
  for item in read_.items:
    if item.steps:
      found.append(_without_counts(item))
      known[item.problem.id] = item.problem
      continue
    bad.append(f"{config.input}:{item.line}: steps: the solution has none")
    if not config.skip_bad:
      raise errors.UserError(bad[-1])
  if not found:
    raise errors.UserError(f"{config.input}: holds no solution; {bad[0]}")
  return Input(found, known, bad)


def labels_of(
  path: str, skip_bad: bool
) -> tuple[list[records.StepLabels], list[str]]:
  """Step labels of a file or of its shards, and messages of bad lines.

  Raises:
    UserError: names file and record: labels of tokens, or of no step.
  """
  found = record_files.read(path, records.StepLabels, skip_bad=skip_bad)
  good, bad = [], list(found.bad)
  for index, label in enumerate(found.records):
    if label.granularity == "step" and label.steps:
      good.append(label)
      continue
    told = (
      "granularity: expected 'step'"
      if label.steps is None
      else ("steps: the solution has none")
    )
    bad.append(f"{path}: labels[{index}].{told}")
    if not skip_bad:
      raise errors.UserError(bad[-1])
  if not good:
    raise errors.UserError(f"{path}: holds no labels of steps; {bad[0]}")
  return good, bad


def _holds_labels(path: str) -> bool:
  """By the first line; anything but JSON lines can only be labels."""
  first = record_files.shard_paths(path)[0]
  if first.suffix != record_files.JSON_LINES:
    return True
  try:
    with open(first, encoding="utf-8") as lines:
      row = json.loads(next(filter(str.strip, lines), "null"))
  except (OSError, ValueError):
    return False  # the reader of solutions tells what is wrong
  return isinstance(row, dict) and (
    row.get("record") == "step_labels" or "n_total" in row
  )


def _without_counts(item: solution_files.Item) -> records.StepLabels:
  zeros = (0,) * len(item.steps)
  return records.StepLabels(
    problem_id=item.problem.id,
    n_correct=zeros,
    n_total=zeros,
    completer="",
    steps=item.steps,
    extra={rollouts.LINE: item.line},
  )


class Truth:
  """The tasks that problems name, each with its default config.

  What a judge asks, whether steps are valid and answers right, does not
  depend on the rest of a config.
  """

  def oracle(
    self, problem: tasks.Problem, steps: Sequence[str]
  ) -> tasks.StepTruth:
    """See `tasks.base.Task`."""
    return self._task(problem).oracle(problem, steps)

  def verify(
    self, problem: tasks.Problem, steps: Sequence[str]
  ) -> tasks.Verdict:
    """See `tasks.base.Task`."""
    return self._task(problem).verify(problem, steps)

  @staticmethod
  def _task(problem: tasks.Problem) -> tasks.Task:
    return task_of(problem.task)


@functools.cache
def task_of(name: str) -> Any:
  """The task of this name, with its default config.

  Raises:
    UserError: there is none.
  """
  if name not in registry.TASKS:
    raise errors.UserError(
      f"problems: task {name!r} has no truth of steps; expected one of "
      f"{', '.join(registry.TASKS)}"
    )
  entry = registry.get(name)
  return entry.make(entry.config())
