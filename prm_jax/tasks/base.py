"""What every task offers: problems, a verifier and, where exact, an oracle."""

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np

from prm_jax.text import tokenizer

Split: TypeAlias = Literal["train", "validation", "test"]

TRAIN_SHARE = 0.70
VALIDATION_SHARE = 0.12  # the rest, 0.18, is the test split


@dataclasses.dataclass(frozen=True)
class Problem:
  """One problem of a task.

  Attributes:
    id: unique over all tasks, such as `game24/4-4-10-13`.
    task: name of the task.
    prompt: text the policy continues.
    answer: reference answer, None where there is none to compare with.
    meta: the numbers the problem is made of, for the task's own use.
  """

  id: str
  task: str
  prompt: str
  answer: str | None
  meta: Mapping[str, Any] = dataclasses.field(default_factory=dict, hash=False)


@dataclasses.dataclass(frozen=True)
class Verdict:
  """Judgement of a whole solution.

  Attributes:
    correct: what the task rewards; the number games also ask that every
      step is right, a chain asks for the answer alone.
    answer: canonical answer for votes; None if none can be extracted.
    reason: one line; names the first wrong step if there is one.
    known: False where nothing is known of the answer, which then counts as
      wrong in a search and not at all in a label.
  """

  correct: bool
  answer: str | None
  reason: str
  known: bool = True


@dataclasses.dataclass(frozen=True)
class StepTruth:
  """Exact labels per step.

  Attributes:
    valid: the step follows from what was written before it.
    solvable: a correct answer can still be reached after the step.
  """

  valid: list[bool]
  solvable: list[bool]


@runtime_checkable
class Task(Protocol):
  """A generated task; a step list holds step texts without delimiters."""

  name: str
  max_steps: int
  max_step_tokens: int  # longest step, with the token that closes it

  def tokenizer(self) -> tokenizer.Tokenizer: ...

  def problems(self, split: Split) -> Iterator[Problem]:
    """Problems of a split, in a fixed order; no problem is in two splits."""
    ...

  def verify(self, problem: Problem, steps: Sequence[str]) -> Verdict: ...

  def oracle(self, problem: Problem, steps: Sequence[str]) -> StepTruth: ...

  def value(self, problem: Problem, steps: Sequence[str]) -> float:
    """P(correct | prefix) of the task's reference policy, exactly."""
    ...

  def demonstrations(
    self, problem: Problem, rng: np.random.Generator, num: int
  ) -> list[list[str]]:
    """Step lists to train a policy on."""
    ...


@runtime_checkable
class Together(Protocol):
  """A task that judges many solutions faster than one by one."""

  def verify_all(
    self, attempts: Sequence[tuple[Problem, Sequence[str]]]
  ) -> list[Verdict]: ...


def verify_all(
  task: Task, attempts: Sequence[tuple[Problem, Sequence[str]]]
) -> list[Verdict]:
  """A verdict for each problem and steps, together where the task can."""
  if isinstance(task, Together):
    return task.verify_all(attempts)
  return [task.verify(problem, steps) for problem, steps in attempts]


def hash_key(key: str) -> float:
  """A number in [0, 1) from sha256 of the key, the same on any machine."""
  digest = hashlib.sha256(key.encode()).digest()
  return int.from_bytes(digest[:6], "big") / 2**48


def hash_split(key: str) -> Split:
  """The split of the problem with this key."""
  point = hash_key(key)
  if point < TRAIN_SHARE:
    return "train"
  return "validation" if point < TRAIN_SHARE + VALIDATION_SHARE else "test"
