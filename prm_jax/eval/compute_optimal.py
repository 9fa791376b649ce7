"""The best strategy for each difficulty, chosen on other problems.

Which search pays depends on how hard a problem is (arXiv 2408.03314 §3). So
problems are sorted into bins of difficulty and in each bin the strategy is
taken that did best on one half of the problems and is measured on the other,
then the other way round. Do this once per budget, with the strategies that
the budget allows.

Difficulty comes from the policy's pass@1, which takes the true answers
("oracle"), or from the verifier's mean score of the policy's samples, which
does not ("predicted"); in both cases from samples that are not the ones
measured here.
"""

from typing import NamedTuple

import numpy as np
import scipy.stats
from jaxtyping import Float, Int, Num, Shaped

NUM_BINS = 5


class Choice(NamedTuple):
  """What the choice by difficulty achieves."""

  strategy: np.ndarray  # [p] the strategy each problem was given
  value: np.ndarray  # [p] its accuracy there: for `bootstrap.accuracy`
  table: np.ndarray  # [folds, bins] strategy chosen without that fold


def bins(
  ease: Num[np.ndarray, "p"], num_bins: int = NUM_BINS
) -> Int[np.ndarray, "p"]:
  """Bins of equal size, 0 the easiest.

  Problems of equal ease share a bin, the one of their mean rank; with many
  equal ones bins may be of unequal size or empty.

  Args:
    ease: pass@1 or mean score; the larger, the easier.
    num_bins: bins.
  """
  rank = scipy.stats.rankdata(-ease) - 0.5  # mid-ranks, in (0, p)
  return np.floor(num_bins * rank / len(ease)).astype(int)


def halves(
  which: Int[np.ndarray, "p"], *, seed: int = 0
) -> Int[np.ndarray, "p"]:
  """0 or 1 for each problem at random, each bin being cut in half."""
  rng = np.random.default_rng(seed)
  order = rng.permutation(len(which))
  order = order[np.argsort(which[order], kind="stable")]  # bin after bin
  found = np.empty(len(which), int)
  # Every second one: bins of odd size give their odd one by turns.
  found[order] = np.arange(len(which)) % 2
  return found


def choose(
  accuracy: Shaped[np.ndarray, "s p"],
  which: Int[np.ndarray, "p"],
  fold: Int[np.ndarray, "p"],
) -> Choice:
  """Gives every problem what was best for its bin in the other folds.

  Equal strategies go to the first. A bin without a problem in the other folds
  gets what is best over all bins there.

  Args:
    accuracy: of each strategy on each problem, at one budget.
    which: bin of each problem.
    fold: of each problem, from 0, see `halves`.

  Raises:
    ValueError: fewer than two folds.
  """
  num_folds, num_bins = int(fold.max()) + 1, int(which.max()) + 1
  if len(np.unique(fold)) < 2:
    raise ValueError("there have to be two folds or more")
  table = np.empty((num_folds, num_bins), int)
  for f in range(num_folds):
    for b in range(num_bins):
      others = (fold != f) & (which == b)
      table[f, b] = _best(accuracy, others if others.any() else fold != f)
  strategy = table[fold, which]
  value = accuracy[strategy, np.arange(accuracy.shape[1])].astype(float)
  return Choice(strategy, value, table)


def by_bin(
  accuracy: Shaped[np.ndarray, "s p"], which: Int[np.ndarray, "p"]
) -> Float[np.ndarray, "s bins"]:
  """Mean accuracy of each strategy in each bin; NaN in an empty one."""
  num_bins = int(which.max()) + 1
  found = np.full((len(accuracy), num_bins), np.nan)
  for b in np.unique(which):
    found[:, b] = accuracy[:, which == b].mean(axis=1)
  return found


def _best(accuracy: np.ndarray, problems: np.ndarray) -> int:
  return int(np.argmax(accuracy[:, problems].mean(axis=1)))
