"""Judges of steps: right, wrong or not known, whoever says so.

A judge is a callable of problems and step lists. Here are the task's own truth
and a judge that errs at given rates; `model_judges` has language models. What
a judge says of a prefix depends on problem and prefix alone.
"""

import collections
import dataclasses
import json
import math
from collections.abc import Callable, Sequence
from typing import (
  Literal,
  NamedTuple,
  Protocol,
  TypeAlias,
  runtime_checkable,
)

from scipy import stats

from prm_jax import errors
from prm_jax.data import records
from prm_jax.labelling import counts, rollouts
from prm_jax.tasks import base as tasks

Steps: TypeAlias = tuple[str, ...]
Verdicts: TypeAlias = tuple[int | None, ...]  # 1 right, 0 wrong, None unknown
Ties: TypeAlias = Literal["unknown", "right", "wrong"]


_KINDS = {1: "right", 0: "wrong", None: "unknown"}


@runtime_checkable
class Truth(Protocol):
  """What is asked of a task."""

  def oracle(
    self, problem: tasks.Problem, steps: Sequence[str]
  ) -> tasks.StepTruth: ...

  def verify(
    self, problem: tasks.Problem, steps: Sequence[str]
  ) -> tasks.Verdict: ...


class Judgement(NamedTuple):
  """What a judge says of one solution.

  Attributes:
    verdicts: one per step.
    tokens: read and written for it.
  """

  verdicts: Verdicts
  tokens: int = 0


JudgeFn: TypeAlias = Callable[
  [Sequence[tasks.Problem], Sequence[Steps]], list[Judgement]
]


@dataclasses.dataclass(frozen=True)
class Oracle:
  """The truth: a step is right that is valid after those before it."""

  task: Truth

  def __call__(
    self, problems: Sequence[tasks.Problem], given: Sequence[Steps]
  ) -> list[Judgement]:
    return [
      Judgement(tuple(map(int, self.task.oracle(problem, steps).valid)))
      for problem, steps in zip(problems, given, strict=True)
    ]


@dataclasses.dataclass(frozen=True)
class Noise:
  """How a judge errs.

  Attributes:
    accuracy: P(the verdict is true) of a right step.
    accuracy_wrong: likewise of a wrong step; negative: as of a right one.
    reverse_accuracy: of all steps of a solution whose answer is known to be
      wrong, by a judge that sees the reference answer (reverse verification,
      AURORA, arXiv 2502.11520); negative: the judge does not see it.
    correlation: of the errors of two judges at a step.
    unknown: P(no verdict).
    seed: of all draws.
  """

  accuracy: float = 0.9
  accuracy_wrong: float = -1.0
  reverse_accuracy: float = -1.0
  correlation: float = 0.0
  unknown: float = 0.0
  seed: int = 0

  def __post_init__(self):
    for name, lowest in (
      ("accuracy", 0),
      ("accuracy_wrong", -1),
      ("reverse_accuracy", -1),
      ("correlation", 0),
      ("unknown", 0),
    ):
      value = getattr(self, name)
      if not lowest <= value <= 1:
        raise errors.UserError(f"judge.{name}: {value} is not in [{lowest}, 1]")


@dataclasses.dataclass(frozen=True)
class Noisy:
  """The truth with errors.

  With probability sqrt(c) a judge's error at a step is one that all judges
  share, else its own; so the errors of two judges have correlation c.

  Attributes:
    task: knows the truth.
    noise: rates.
    name: keeps judges apart; not empty.
  """

  task: Truth
  noise: Noise
  name: str = "0"

  def __call__(
    self, problems: Sequence[tasks.Problem], given: Sequence[Steps]
  ) -> list[Judgement]:
    return [
      Judgement(self._verdicts(problem, steps))
      for problem, steps in zip(problems, given, strict=True)
    ]

  def _verdicts(self, problem: tasks.Problem, steps: Steps) -> Verdicts:
    truth = self.task.oracle(problem, steps).valid
    verdict = self.task.verify(problem, steps)
    reverse = verdict.known and not verdict.correct
    found: list[int | None] = []
    for index, valid in enumerate(truth):
      said = [problem.id, *steps[: index + 1]]
      unknown = self.noise.unknown
      if unknown and self._draw("unknown", said) < unknown:
        found.append(None)
      else:
        found.append(int(valid != self._errs(valid, reverse, said)))
    return tuple(found)

  def _errs(self, valid: bool, reverse: bool, said: Sequence[str]) -> bool:
    noise = self.noise
    accuracy = noise.accuracy
    if not valid and noise.accuracy_wrong >= 0:
      accuracy = noise.accuracy_wrong
    if reverse and noise.reverse_accuracy >= 0:
      accuracy = noise.reverse_accuracy
    common = math.sqrt(noise.correlation)
    shared = common and self._draw("shares", said) < common
    who = "" if shared else self.name
    return self._draw("errs", said, who) >= accuracy

  def _draw(
    self, what: str, said: Sequence[str], who: str | None = None
  ) -> float:
    who = self.name if who is None else who
    return tasks.hash_key(json.dumps([self.noise.seed, what, who, *said]))


@dataclasses.dataclass(frozen=True)
class Ensemble:
  """Several judges that vote step by step (AURORA, arXiv 2502.11520).

  Attributes:
    members: the judges.
    ties: what an even vote says; judges without a verdict do not vote, and
      where none has one there is none.
  """

  members: Sequence[JudgeFn]
  ties: Ties = "unknown"

  def __call__(
    self, problems: Sequence[tasks.Problem], given: Sequence[Steps]
  ) -> list[Judgement]:
    each = [ask(judge, problems, given) for judge in self.members]
    return [
      Judgement(
        vote([one.verdicts for one in said], self.ties),
        sum(one.tokens for one in said),
      )
      for said in zip(*each, strict=True)
    ]


def ask(
  judge: JudgeFn, problems: Sequence[tasks.Problem], given: Sequence[Steps]
) -> list[Judgement]:
  """The judge's verdicts, one per step of each solution.

  Raises:
    UserError: a solution got more or fewer; names its problem.
  """
  found = judge(problems, given)
  for problem, steps, own in zip(problems, given, found, strict=True):
    if len(own.verdicts) != len(steps):
      raise errors.UserError(
        f"judge: {len(own.verdicts)} verdicts on {len(steps)} steps of "
        f"{problem.id!r}"
      )
  return found


def vote(verdicts: Sequence[Verdicts], ties: Ties = "unknown") -> Verdicts:
  """The verdict of most judges on each step."""
  even = {"unknown": None, "right": 1, "wrong": 0}[ties]
  found: list[int | None] = []
  for step in zip(*verdicts, strict=True):
    right, wrong = step.count(1), step.count(0)
    if not right + wrong:
      found.append(None)
    else:
      found.append(even if right == wrong else int(right > wrong))
  return tuple(found)


def vote_accuracy(accuracy: float, num: int, correlation: float) -> float:
  """P(most of an odd number of `Noisy` judges are right about a step)."""
  if num % 2 == 0:
    raise ValueError(f"an even number of judges, {num}, may tie")
  mixed = math.sqrt(correlation)
  own = (1 - mixed) * accuracy
  # Given whether the error that judges share happens, they err independently.
  most = lambda p: float(stats.binom.sf(num // 2, num, p))
  return accuracy * most(own + mixed) + (1 - accuracy) * most(own)


def relabel(
  labels: Sequence[records.StepLabels],
  problems: Sequence[tasks.Problem],
  judge: JudgeFn,
) -> counts.Relabelled:
  """The judge's verdicts as classes; nothing behind its first error trains.

  Args:
    labels: of whose counts nothing is taken.
    problems: one per record.
    judge: see `JudgeFn`.

  Returns:
    `told` has verdicts by kind, and the judge's tokens.
  """
  said = ask(judge, problems, [counts.steps(label) for label in labels])
  told: collections.Counter[str] = collections.Counter(
    dict.fromkeys(("right", "wrong", "unknown", "judge_tokens"), 0)
  )
  found = []
  for label, own in zip(labels, said, strict=True):
    for verdict in own.verdicts:
      told[
        "unknown" if verdict is None else "right" if verdict else "wrong"
      ] += 1
    told["judge_tokens"] += own.tokens
    first = rollouts.first_error(own.verdicts)
    found.append(
      dataclasses.replace(
        label, hard=own.verdicts, soft=None, first_error=first
      )
    )
  return counts.Relabelled(found, dict(told))
