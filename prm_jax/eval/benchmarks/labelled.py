"""Calibration and whole trajectories, on step labels of one's own."""

import dataclasses
from typing import ClassVar, NamedTuple

import numpy as np

from prm_jax import errors
from prm_jax.data import record_files, records
from prm_jax.eval import (
  bootstrap,
  calibration,
  conformal,
  totals,
  trajectories,
)
from prm_jax.eval.benchmarks import base, probabilities


class Labelled(NamedTuple):
  """Solutions with labels of steps; all of length n."""

  texts: base.Texts
  labels: list[records.StepLabels]


def read(path: str, problems: str) -> Labelled:
  """Label records and the problems they name.

  Raises:
    errors.UserError: names the field or file; labels without steps.
  """
  if not problems:
    raise errors.UserError("protocol.problems: names no file of problems")
  known = {
    problem.id: problem
    for problem in record_files.read(problems, records.Problem).records
  }
  labels = record_files.read(path, records.StepLabels).records
  for index, own in enumerate(labels, start=1):
    place = f"{path}: record {index}"
    if own.granularity != "step" or not own.steps:
      raise errors.UserError(f"{place}: steps: there are none with labels")
    if own.problem_id not in known:
      raise errors.UserError(
        f"{place}: problem_id: {own.problem_id!r} is not in {problems}"
      )
  texts = base.Texts(
    tuple(known[own.problem_id] for own in labels),
    tuple(own.steps or () for own in labels),
  )
  return Labelled(texts, labels)


def outcomes(own: records.StepLabels, place: str) -> np.ndarray:
  """[k] of 1, 0 and NaN (not known) from hard, human or counted labels.

  A counted label is 1 where any completion was correct.
  """
  if own.hard is not None:
    return np.array([np.nan if x is None else float(x > 0) for x in own.hard])
  if own.human is not None:
    return np.array([np.nan if x is None else float(x >= 0) for x in own.human])
  if any(own.n_total):
    pairs = zip(own.n_correct, own.n_total, strict=True)
    return np.array([float(k > 0) if n else np.nan for k, n in pairs])
  raise errors.UserError(f"{place}: hard: missing, as are human and counts")


_CONFORMAL = ("accepted_in_error", "accepted", "threshold")


@dataclasses.dataclass(frozen=True)
class Calibration:
  """Do probabilities of steps mean what they say?

  Attributes:
    problems: file of the problems.
    num_bins: of reliability.
    level: share of steps that may be accepted in error, for the conformal
      threshold: chosen on every other problem, checked on the rest.
  """

  needs_scores: ClassVar[bool] = True
  problems: str = ""
  num_bins: int = calibration.NUM_BINS
  level: float = 0.1

  def __post_init__(self):
    if not 0 < self.level < 1:
      raise errors.UserError("protocol.level: must be between 0 and 1")
    if self.num_bins < 1:
      raise errors.UserError("protocol.num_bins: must be at least 1")

  def measure(
    self, path: str, source: base.Source, resampling: base.Resampling
  ) -> list[base.Measure]:
    found = read(path, self.problems)
    scores = source(found.texts)
    truth = [
      outcomes(own, f"{path}: record {i}")
      for i, own in enumerate(found.labels, start=1)
    ]
    predicted, observed = np.concatenate(scores), np.concatenate(truth)
    names = [
      problem.id
      for problem, own in zip(found.texts.problems, scores, strict=True)
      for _ in own
    ]
    known = ~np.isnan(observed)
    if not known.any():
      raise errors.UserError(f"{path}: hard: no step has a label")
    names = [name for name, is_known in zip(names, known, strict=True)
             if is_known]  # fmt: skip
    measures = probabilities.measures(
      "steps",
      predicted[known],
      observed[known],
      names,
      resampling,
      self.num_bins,
    )
    measures += _accepted(
      predicted[known], observed[known] == 0, names, self.level
    )
    return [*measures, *_counted(found.labels, scores)]


def _accepted(
  scores: np.ndarray, wrong: np.ndarray, names: list[str], level: float
) -> list[base.Measure]:
  """A conformal threshold, and what it lets pass on other problems."""
  order = {name: i for i, name in enumerate(dict.fromkeys(names))}
  if len(order) < 2:
    reason = "needs two problems"
    return [base.undefined("conformal", m, reason) for m in _CONFORMAL]
  held_out = np.array([order[name] % 2 == 0 for name in names])
  threshold = conformal.accept_above(scores[held_out], wrong[held_out], level)
  taken = scores[~held_out] > threshold
  n = len(taken)
  error = bootstrap.wilson(int(np.sum(taken & wrong[~held_out])), n)
  share = bootstrap.wilson(int(taken.sum()), n)
  own = int(held_out.sum())
  reason = "none keeps the level: nothing is accepted"
  return [
    base.measured("conformal", "accepted_in_error", error, n),
    base.measured("conformal", "accepted", share, n),
    base.Measure("conformal", "threshold", threshold, n=own, reason=reason),
  ]


def _counted(labels, scores) -> list[base.Measure]:
  """Squared error against values, the noise of completions taken out."""
  pairs = list(zip(labels, scores, strict=True))
  predicted = np.concatenate([s for _, s in pairs])
  correct = np.concatenate([own.n_correct for own, _ in pairs]).astype(int)
  total = np.concatenate([own.n_total for own, _ in pairs]).astype(int)
  some = total >= 2
  if not some.any():
    reason = "no step has two completions"
    return [base.undefined("steps", "squared_error_of_values", reason)]
  value = calibration.monte_carlo_squared_error(
    predicted[some], correct[some], total[some]
  )
  n = int(some.sum())
  return [base.Measure("steps", "squared_error_of_values", value, n=n)]


@dataclasses.dataclass(frozen=True)
class Trajectories:
  """Verdicts on all steps, after errors as well.

  Attributes:
    problems: file of the problems.
    threshold: a step above it is said to be right.
  """

  needs_scores: ClassVar[bool] = True
  problems: str = ""
  threshold: float = 0.5

  def measure(
    self, path: str, source: base.Source, resampling: base.Resampling
  ) -> list[base.Measure]:
    found = read(path, self.problems)
    sums = []
    scores = source(found.texts)
    for i, (own, labels) in enumerate(
      zip(scores, found.labels, strict=True), start=1
    ):
      truth = outcomes(labels, f"{path}: record {i}")
      if np.isnan(truth).any():
        raise errors.UserError(
          f"{path}: record {i}: hard: some steps have no label"
        )
      sums.append(trajectories.sums(own > self.threshold, truth == 1))
    names = [problem.id for problem in found.texts.problems]
    table = totals.by_problem(names, np.stack(sums))
    functions = {
      "wrong_step_f1": trajectories.wrong_f1,
      "exact_match": trajectories.exact_match,
      "step_accuracy": trajectories.step_accuracy,
    }
    return [
      base.measured(
        "trajectories",
        metric,
        totals.interval(function, table, **resampling.options),
        len(sums),
      )
      for metric, function in functions.items()
    ]
