"""Lines rewritten and labelled by running them (PRLCoder, arXiv 2502.01715).

A mutation is meant to change what a line does, a refactoring to keep it; the
tests alone decide the label, so a mutant that does the same is right. Lines
before the rewritten one are right, those behind a wrong one have no label.
"""

import collections
import dataclasses
import json
from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np

from prm_jax import errors
from prm_jax.data import records
from prm_jax.labelling import counts, first_errors
from prm_jax.tasks import base as tasks

REWRITTEN = "rewritten"  # in `extra`: {"line": index, "by": kind}


@runtime_checkable
class Program(Protocol):
  """What is asked of a task whose solutions are programs."""

  def verify(
    self, problem: tasks.Problem, steps: Sequence[str]
  ) -> tasks.Verdict: ...

  def rewrite(
    self,
    problem: tasks.Problem,
    steps: Sequence[str],
    index: int,
    rng: np.random.Generator,
    *,
    refactor: bool,
  ) -> str | None: ...


TaskFn: TypeAlias = Callable[[str], object]


@dataclasses.dataclass(frozen=True)
class Config:
  """Choices of the method.

  Attributes:
    refactor: share of the rewritings that are meant to keep what a line does.
    copies: rewritings of each line; equal ones count once.
    seed: of the draws, which depend on it, problem, lines and copy alone.
  """

  refactor: float = 0.5
  copies: int = 1
  seed: int = 0

  def __post_init__(self):
    if not 0 <= self.refactor <= 1:
      raise errors.UserError(f"method.refactor: {self.refactor} is no share")
    if self.copies < 1:
      raise errors.UserError("method.copies: must be at least 1")


def relabel(
  labels: Sequence[records.StepLabels],
  problems: Sequence[tasks.Problem],
  task_fn: TaskFn,
  config: Config,
) -> counts.Relabelled:
  """A record per rewritten line of every right program.

  Args:
    labels: of programs; their labels are of no matter.
    problems: one per record.
    task_fn: a task by its name.
    config: see there.

  Returns:
    `told` counts programs that are `wrong` or `unknown` (left out), rewritings
    by intent and label (`mutation_equivalent`: right mutants), and lines that
    could not be rewritten as intended.

  Raises:
    UserError: a task whose solutions are no programs.
  """
  told: collections.Counter[str] = collections.Counter(
    dict.fromkeys(
      (
        *("wrong", "unknown", "mutation_wrong", "mutation_equivalent"),
        *("refactoring_wrong", "refactoring_right", "not_rewritten"),
      ),
      0,
    )
  )
  found: dict[tuple[str, tuple[str, ...], int], records.StepLabels] = {}
  for label, problem in zip(labels, problems, strict=True):
    task = task_fn(problem.task)
    if not isinstance(task, Program):
      raise errors.UserError(
        f"problems: solutions of task {problem.task!r} are no programs"
      )
    steps = counts.steps(label)
    verdict = task.verify(problem, steps)
    if not verdict.correct:
      told["wrong" if verdict.known else "unknown"] += 1
      continue
    for index in range(len(steps)):
      for copy in range(config.copies):
        made = _rewritten(task, problem, label, (index, copy), config, told)
        if made is not None:
          key = (problem.id, counts.steps(made), index)
          found.setdefault(key, made)
  told["different"] = len(found)
  return counts.Relabelled(list(found.values()), dict(told))


def _rewritten(
  task: Program,
  problem: tasks.Problem,
  label: records.StepLabels,
  place: tuple[int, int],
  config: Config,
  told: collections.Counter[str],
) -> records.StepLabels | None:
  """One line written anew; None where it cannot be as intended."""
  steps, index = counts.steps(label), place[0]
  said = json.dumps([config.seed, problem.id, *steps, *place])
  rng = np.random.default_rng(int(tasks.hash_key(said) * 2**48))
  refactor = bool(rng.random() < config.refactor)
  line = task.rewrite(problem, steps, index, rng, refactor=refactor)
  if line is None:
    told["not_rewritten"] += 1
    return None
  changed = (*steps[:index], line, *steps[index + 1 :])
  right = task.verify(problem, changed).correct
  by = "refactoring" if refactor else "mutation"
  kept = "right" if refactor else "equivalent"
  told[f"{by}_{kept if right else 'wrong'}"] += 1
  hard, first = first_errors.target(-1 if right else index, len(changed))
  zeros = (0,) * len(changed)
  return records.StepLabels(
    problem_id=problem.id,
    n_correct=zeros,
    n_total=zeros,
    completer="",
    steps=changed,
    hard=hard,
    first_error=first,
    extra={REWRITTEN: {"line": index, "by": by}},
  )
