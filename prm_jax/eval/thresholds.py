"""The threshold of a step verifier, chosen on solutions held out for it.

F1 as a function of the threshold changes at observed scores only, so these
are all the candidates there are. For solution i with the first error at step
e and running minima m_0 >= m_1 >= ... of its scores, the prediction is right
for thresholds in [m_e, m_{e-1}), one without an error for those below its
minimum: all candidates are judged together by counting ends of intervals.
"""

from collections.abc import Hashable, Iterable
from typing import NamedTuple

import numpy as np

from prm_jax import errors
from prm_jax.eval import processbench


class Chosen(NamedTuple):
  """A threshold and what it reached where it was chosen."""

  threshold: float
  f1: float


def choose(
  scores: processbench.StepScores, labels: processbench.Labels
) -> Chosen:
  """The observed score with the highest F1; of equal ones the smallest.

  Calling nothing wrong is a candidate too: one below the smallest score.

  Args:
    scores: n of [k] finite floats.
    labels: [n] first errors.

  Raises:
    errors.UserError: there are no errors, or nothing but errors, among the
      labels: every threshold would have F1 0.
  """
  wrong = labels != processbench.NONE
  if wrong.all() or not wrong.any():
    raise errors.UserError(
      "threshold: to choose one takes solutions with an error and without, got"
      f" {int(wrong.sum())} and {int((~wrong).sum())}"
    )
  observed = np.unique(np.concatenate(scores))
  below = np.nextafter(observed[0], -np.inf)
  candidates = np.concatenate([[below], observed])
  minima = [np.minimum.accumulate(own) for own in scores]
  found, passed = np.zeros((2, len(candidates) + 1), int)
  for own, label in zip(minima, labels, strict=True):
    start = own[label] if label >= 0 else -np.inf
    end = own[label - 1] if label > 0 else np.inf
    if label < 0:
      end = own[-1]
    first, stop = np.searchsorted(candidates, [start, end])
    if first < stop:  # else an earlier step is lower whatever the threshold
      row = found if label >= 0 else passed
      row[first] += 1
      row[stop] -= 1
  f1 = processbench.harmonic_mean(
    np.cumsum(found)[:-1] / wrong.sum(), np.cumsum(passed)[:-1] / (~wrong).sum()
  )
  best = int(np.argmax(f1))
  return Chosen(float(candidates[best]), float(f1[best]))


def check_held_out(
  held_out: Iterable[Hashable], evaluated: Iterable[Hashable], what: str
) -> None:
  """UserError where some solution is on both sides.

  Args:
    held_out: (problem, steps) of what the threshold is chosen on.
    evaluated: of what it is used on.
    what: names the held-out side for the message.
  """
  shared = set(held_out) & set(evaluated)
  if shared:
    raise errors.UserError(
      f"threshold: {what} is also what is evaluated ({len(shared)} solutions"
      " are in both); choose the threshold on a held-out split"
    )
