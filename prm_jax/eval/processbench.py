"""ProcessBench: where does a solution go wrong first (arXiv 2412.06559).

A label or prediction is the index from 0 of the earliest wrong step, NONE
where all steps are right. Accuracies are shares in [0, 1]: on solutions with
an error, the share whose first error is found; on solutions without, the
share that is passed. Their harmonic mean is the F1 of a subset, and the
benchmark's number is the unweighted mean over subsets.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Bool, Float, Int

from prm_jax.eval import bootstrap, totals

NONE = -1  # no step is wrong

Labels: TypeAlias = Int[np.ndarray, "n"]
StepScores: TypeAlias = Sequence[np.ndarray]  # n of [k] floats

# What each solution adds up to: found and all with an error, passed and all
# without one.
_HITS, _ERRORS, _PASSED, _CORRECT = range(4)


class Tally(NamedTuple):
  """The three numbers of a subset."""

  error_accuracy: bootstrap.Interval
  correct_accuracy: bootstrap.Interval
  f1: bootstrap.Interval


def first_error(scores: StepScores, threshold: float) -> Labels:
  """The first step whose score is not above the threshold, or NONE.

  A step is right if its score is strictly above the threshold; at a tie of a
  two-class verifier that is also what its argmax says.
  """
  found = np.full(len(scores), NONE)
  for i, own in enumerate(scores):
    wrong = np.flatnonzero(own <= threshold)
    if len(wrong):
      found[i] = wrong[0]
  return found


def sums(predicted: Labels, labels: Labels) -> Float[np.ndarray, "n 4"]:
  """What each solution adds to hits, errors, passed and correct."""
  hit, wrong = predicted == labels, labels != NONE
  table = np.empty((len(labels), 4))
  table[:, _HITS] = hit & wrong
  table[:, _ERRORS] = wrong
  table[:, _PASSED] = hit & ~wrong
  table[:, _CORRECT] = ~wrong
  return table


def harmonic_mean(error_accuracy: Any, correct_accuracy: Any) -> np.ndarray:
  """F1 of two accuracies, numbers or arrays of one shape; 0 where both are."""
  total = np.asarray(error_accuracy) + np.asarray(correct_accuracy)
  product = 2.0 * np.asarray(error_accuracy) * np.asarray(correct_accuracy)
  return np.asarray(product / np.where(total > 0, total, 1.0))


def f1_of_totals(totals: Float[np.ndarray, "*d 4"]) -> np.ndarray:
  """F1 from sums over solutions [..., 4], to [...].

  A subset that holds only one kind of solution has no second accuracy: its F1
  is 0, as of one that gets it all wrong.
  """
  return harmonic_mean(*_accuracies(totals))


def tally(
  predicted: Labels,
  labels: Labels,
  problems: Sequence[Any] | None = None,
  *,
  seed: int = 0,
  num_resamples: int = bootstrap.NUM_RESAMPLES,
) -> Tally:
  """Accuracies and F1 of one subset, with 95 % intervals over problems.

  Args:
    predicted: [n] by the verifier or the critic.
    labels: [n] by people.
    problems: [n] equal for solutions of one problem; by default every solution
      is a problem of its own.
    seed: of the bootstrap.
    num_resamples: of the bootstrap.
  """
  grouped = _grouped(predicted, labels, problems)
  functions = (
    lambda totals: _accuracies(totals)[0],
    lambda totals: _accuracies(totals)[1],
    f1_of_totals,
  )
  return Tally(
    *(
      totals.interval(f, grouped, seed=seed, num_resamples=num_resamples)
      for f in functions
    )
  )


def average_f1(
  subsets: Mapping[str, tuple[Labels, Labels, Sequence[Any] | None]],
  *,
  seed: int = 0,
  num_resamples: int = bootstrap.NUM_RESAMPLES,
) -> bootstrap.Interval:
  """Unweighted mean of the subsets' F1, each resampled by itself.

  Args:
    subsets: by name, (predicted, labels, problems) as of `tally`.
    seed: of the bootstrap.
    num_resamples: of the bootstrap.
  """
  return totals.interval(
    lambda *totals: np.mean([f1_of_totals(t) for t in totals], axis=0),
    *(_grouped(*subset) for subset in subsets.values()),
    seed=seed,
    num_resamples=num_resamples,
  )


def f1_difference(
  left: Mapping[str, tuple[Labels, Labels, Sequence[Any] | None]],
  right: Mapping[str, tuple[Labels, Labels, Sequence[Any] | None]],
  *,
  seed: int = 0,
  num_resamples: int = bootstrap.NUM_RESAMPLES,
) -> bootstrap.Comparison:
  """Average F1 of one verifier less that of another, paired by problem.

  Args:
    left: as of `average_f1`.
    right: predictions for the same solutions.
    seed: of the bootstrap.
    num_resamples: of the bootstrap.
  """

  def gap(both: np.ndarray) -> np.ndarray:
    left_f1, right_f1 = f1_of_totals(both[..., :4]), f1_of_totals(both[..., 4:])
    return np.asarray(left_f1 - right_f1)

  tables = [
    np.concatenate([_grouped(*left[name]), _grouped(*right[name])], axis=1)
    for name in left
  ]
  return totals.comparison(
    lambda *both: np.mean([gap(own) for own in both], axis=0),
    *tables,
    seed=seed,
    num_resamples=num_resamples,
  )


def false_finals(
  labels: Labels, answer_correct: Bool[np.ndarray, "n"]
) -> Bool[np.ndarray, "n"]:
  """Solutions with the right answer and a wrong step (arXiv 2501.07301)."""
  return answer_correct & (labels != NONE)


def accepted(scores: StepScores, threshold: float) -> Bool[np.ndarray, "n"]:
  """Solutions in which no step is called wrong."""
  return first_error(scores, threshold) == NONE


def _grouped(
  predicted: Labels, labels: Labels, problems: Sequence[Any] | None
) -> np.ndarray:
  own = range(len(labels)) if problems is None else problems
  return totals.by_problem(own, sums(predicted, labels))


def _accuracies(totals: np.ndarray) -> tuple[Any, Any]:
  # A resample without any erroneous solution has none that was found.
  errors = np.maximum(totals[..., _ERRORS], 1)
  correct = np.maximum(totals[..., _CORRECT], 1)
  return totals[..., _HITS] / errors, totals[..., _PASSED] / correct
