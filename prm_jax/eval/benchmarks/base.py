"""What a benchmark is given, and what it gives back."""

import dataclasses
import math
from collections.abc import Sequence
from typing import (
  Any,
  ClassVar,
  Literal,
  NamedTuple,
  Protocol,
  TypeAlias,
  runtime_checkable,
)

import numpy as np

from prm_jax import errors
from prm_jax.eval import bootstrap
from prm_jax.tasks import base as tasks

# What is scored: the input, what is held out to choose a threshold on, or
# texts that a probe has made, for which no file can hold scores.
Part: TypeAlias = Literal["input", "held_out", "changed"]


class Texts(NamedTuple):
  """n solutions to score."""

  problems: tuple[tasks.Problem, ...]
  steps: tuple[tuple[str, ...], ...]

  @property
  def names(self) -> list[tuple[str, tuple[str, ...]]]:
    """(problem, steps), to tell equal solutions."""
    pairs = zip(self.problems, self.steps, strict=True)
    return [(problem.prompt, steps) for problem, steps in pairs]


class Measure(NamedTuple):
  """One number; see `reports.results.Row`.

  `reason` says why it is undefined where it is (its value is not finite).
  """

  name: str
  metric: str
  value: float
  low: float | None = None
  high: float | None = None
  n: int = 1
  at: float | None = None
  reason: str = ""


@runtime_checkable
class Source(Protocol):
  """Where step scores come from."""

  def __call__(self, texts: Texts, part: Part = "input") -> list[np.ndarray]:
    """One float array per solution, one finite score per step.

    Raises:
      errors.UserError: there are none, or not as many as steps.
    """
    ...


class Absent:
  """No scores at all: for benchmarks of what a policy wrote."""

  def __call__(self, texts: Texts, part: Part = "input") -> list[np.ndarray]:
    raise errors.UserError("this benchmark needs --scores FILE or --model DIR")


@dataclasses.dataclass(frozen=True)
class Resampling:
  """How intervals are drawn.

  Attributes:
    seed: of the draws.
    num_resamples: draws.
  """

  seed: int = 0
  num_resamples: int = bootstrap.NUM_RESAMPLES

  def __post_init__(self):
    if self.num_resamples < 1:
      raise errors.UserError("bootstrap.num_resamples: must be at least 1")

  @property
  def options(self) -> dict[str, int]:
    """For the functions of `bootstrap`."""
    return {"seed": self.seed, "num_resamples": self.num_resamples}


@runtime_checkable
class Benchmark(Protocol):
  """A protocol with its options."""

  needs_scores: ClassVar[bool]

  def measure(
    self, path: str, source: Source, resampling: Resampling
  ) -> list[Measure]:
    """Reads the file, has its solutions scored and measures.

    What cannot be measured is among the measures, as `undefined`.

    Raises:
      errors.UserError: names file, row and field.
    """
    ...


def measured(
  name: str,
  metric: str,
  found: bootstrap.Interval | bootstrap.Comparison,
  n: int,
  at: float | None = None,
) -> Measure:
  """A number with its interval."""
  return Measure(name, metric, found.value, found.low, found.high, n, at)


def undefined(name: str, metric: str, reason: str, n: int = 0) -> Measure:
  """What cannot be measured, such as a share of nothing."""
  return Measure(name, metric, math.nan, n=n, reason=reason)


def checked(
  scores: Sequence[Any], texts: Texts, where: str
) -> list[np.ndarray]:
  """Scores as float64 arrays, one per step of each solution.

  Args:
    scores: n of [k].
    texts: n solutions.
    where: names the source for messages.

  Raises:
    errors.UserError: names the solution: another number of scores than of
      steps, or a score that is no finite number.
  """
  if len(scores) != len(texts.steps):
    raise errors.UserError(
      f"{where}: {len(scores)} solutions with scores for"
      f" {len(texts.steps)} solutions"
    )
  found = []
  rows = zip(scores, texts.problems, texts.steps, strict=True)
  for index, (own, problem, steps) in enumerate(rows, start=1):
    place = f"{where}: solution {index} (problem {problem.id})"
    values = np.asarray(own, np.float64)
    if values.shape != (len(steps),):
      raise errors.UserError(
        f"{place}: scores: {values.size} for {len(steps)} steps"
      )
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
      raise errors.UserError(
        f"{place}: scores[{bad[0]}]: {values[bad[0]]} is not finite"
      )
    found.append(values)
  return found
