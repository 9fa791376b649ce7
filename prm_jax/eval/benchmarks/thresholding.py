"""What score counts as wrong: fixed, or chosen on a split held out for it."""

import dataclasses
from typing import Literal, NamedTuple

import numpy as np

from prm_jax import errors
from prm_jax.data.formats import process_bench, rows
from prm_jax.eval import thresholds
from prm_jax.eval.benchmarks import base


@dataclasses.dataclass(frozen=True)
class Config:
  """A rule for the threshold.

  Attributes:
    rule: "fixed", "split" (chosen on one subset of the input, which is then
      not evaluated) or "file" (chosen on another file).
    value: for "fixed".
    split: name of the subset, for "split".
    file: ProcessBench rows, for "file".
    scores: their scores, where scores come from files.
  """

  rule: Literal["fixed", "split", "file"] = "fixed"
  value: float = 0.5
  split: str = ""
  file: str = ""
  scores: str = ""


class Cases(NamedTuple):
  """ProcessBench rows with their scores."""

  cases: tuple[process_bench.Case, ...]
  scores: tuple[np.ndarray, ...]

  @property
  def labels(self) -> np.ndarray:
    return np.array([case.label for case in self.cases], int)

  @property
  def subsets(self) -> "dict[str, Cases]":
    """By the name that ids begin with, in order of appearance."""
    found: dict[str, list[int]] = {}
    for i, case in enumerate(self.cases):
      found.setdefault(case.subset, []).append(i)
    return {
      name: Cases(
        tuple(self.cases[i] for i in own), tuple(self.scores[i] for i in own)
      )
      for name, own in found.items()
    }


def texts(cases: tuple[process_bench.Case, ...]) -> base.Texts:
  """What is scored."""
  problems = tuple(process_bench.to_problem(case) for case in cases)
  return base.Texts(problems, tuple(case.steps for case in cases))


def find(
  config: Config,
  evaluated: dict[str, Cases],
  others: dict[str, Cases],
  source: base.Source,
) -> thresholds.Chosen | None:
  """The threshold of the rule; None for a fixed one.

  Args:
    config: the rule.
    evaluated: subsets that are reported.
    others: the input's other subsets.
    source: of scores.

  Raises:
    errors.UserError: no such split, or it holds what is evaluated.
  """
  if config.rule == "fixed":
    return None
  if config.rule == "split":
    if config.split in evaluated:
      raise errors.UserError(
        f"threshold.split: {config.split!r} is also evaluated; a threshold is"
        " not chosen on the test split"
      )
    if config.split not in others:
      names = ", ".join([*evaluated, *others])
      raise errors.UserError(
        f"threshold.split: no subset {config.split!r}, the input has {names}"
      )
    held_out, what = others[config.split], f"split {config.split!r}"
  else:
    if not config.file:
      raise errors.UserError("threshold.file: names no file")
    cases = tuple(rows.read(process_bench.FORMAT, config.file).records)
    held_out = Cases(cases, tuple(source(texts(cases), "held_out")))
    what = f"file {config.file}"
  thresholds.check_held_out(
    texts(held_out.cases).names,
    [name for own in evaluated.values() for name in texts(own.cases).names],
    what,
  )
  return thresholds.choose(held_out.scores, held_out.labels)
