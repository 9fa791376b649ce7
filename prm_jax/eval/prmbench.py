"""PRMBench: which kinds of wrong step a verifier sees (arXiv 2501.03124).

Right steps are the positives. The PRMScore is the mean of the F1 on right and
the F1 on wrong steps, over all steps; the class of several right solutions
has no wrong steps and is scored by its F1 alone. A ratio with nothing below
its line is 0 here, where the authors' code goes on with -1: an F1 is the same
either way except that of a class without anything found, 0 instead of -1.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Bool, Float

from prm_jax.data.formats import prm_bench

CATEGORIES = prm_bench.CATEGORIES
WITHOUT_ERRORS = "multi_solutions"

THRESHOLD = 0.5
REDUNDANCY_THRESHOLD = 0.15  # for a head that says how redundant a step is

Steps: TypeAlias = Bool[np.ndarray, "k"]

TP, FP, TN, FN = range(4)  # positive: the step is right


class Scores(NamedTuple):
  """Of one set of confusions."""

  f1: np.ndarray
  negative_f1: np.ndarray
  prm_score: np.ndarray


def is_right(num_steps: int, error_steps: Sequence[int]) -> Steps:
  """Truth per step; `error_steps` count from 1.

  Raises:
    ValueError: an error at a step that is not there.
  """
  right = np.ones(num_steps, bool)
  for step in error_steps:
    if not 1 <= step <= num_steps:
      raise ValueError(f"error step {step} of {num_steps} steps")
    right[step - 1] = False
  return right


def confusion(said_right: Steps, right: Steps) -> Float[np.ndarray, "4"]:
  """Steps that are (right, wrong, wrong, right) and said to be (+, +, -, -)."""
  counts = np.empty(4)
  counts[TP] = np.sum(right & said_right)
  counts[FP] = np.sum(~right & said_right)
  counts[TN] = np.sum(~right & ~said_right)
  counts[FN] = np.sum(right & ~said_right)
  return counts


def scores(totals: Float[np.ndarray, "*d 4"]) -> Scores:
  """F1 of right steps, of wrong steps, and their mean, each [*d]."""
  tp, fp, tn, fn = np.moveaxis(totals, -1, 0)
  f1 = _ratio(2 * tp, 2 * tp + fp + fn)
  negative = _ratio(2 * tn, 2 * tn + fn + fp)
  return Scores(f1, negative, np.asarray((f1 + negative) / 2))


def class_score(name: str, totals: Float[np.ndarray, "*d 4"]) -> np.ndarray:
  """The number a class is reported by."""
  found = scores(totals)
  return found.f1 if name == WITHOUT_ERRORS else found.prm_score


def category_scores(by_class: Mapping[str, float]) -> dict[str, float]:
  """Unweighted mean over the classes of each category that were measured."""
  found = {}
  for category, names in CATEGORIES.items():
    own = [by_class[name] for name in names if name in by_class]
    if own:
      found[category] = float(np.mean(own))
  return found


def first_error_found(said_right: Steps, right: Steps) -> bool | None:
  """The first wrong step is said to be wrong; None where there is none."""
  wrong = np.flatnonzero(~right)
  return bool(not said_right[wrong[0]]) if len(wrong) else None


def step_accuracies(totals: Float[np.ndarray, "*d 4"]) -> tuple:
  """Shares of the right and of the wrong steps that were told, [*d] each."""
  tp, fp, tn, fn = np.moveaxis(totals, -1, 0)
  return _ratio(tp, tp + fn), _ratio(tn, tn + fp)


def acceptance_gap(
  modified: Bool[np.ndarray, "k"], original: Bool[np.ndarray, "j"]
) -> float:
  """|share of steps accepted after the change - before|: the "similarity".

  Near 0: the verifier takes no notice of the change.
  """
  return float(abs(np.mean(modified) - np.mean(original)))


def _ratio(above: Any, below: Any) -> np.ndarray:
  return np.asarray(above / np.where(below > 0, below, 1))
