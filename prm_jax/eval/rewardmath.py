"""One right solution against several wrong ones (RewardMATH, 2410.01729).

The rank of the right one counts every wrong one that scores as high as it
does, so a reward that says the same of all has the worst rank.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

# Rewards of the wrong solutions, per problem.
Rejected = Sequence[np.ndarray]


def ranks(
  chosen: Float[np.ndarray, "p"], rejected: Rejected
) -> Int[np.ndarray, "p"]:
  """From 1, ties against the right solution."""
  pairs = zip(chosen, rejected, strict=True)
  return np.array([1 + int(np.sum(own >= best)) for best, own in pairs], int)


def strict(
  chosen: Float[np.ndarray, "p"], rejected: Rejected
) -> Bool[np.ndarray, "p"]:
  """The right solution scores above all wrong ones: the accuracy."""
  return ranks(chosen, rejected) == 1


def with_ties(
  chosen: Float[np.ndarray, "p"], rejected: Rejected
) -> Bool[np.ndarray, "p"]:
  """No wrong solution scores above the right one."""
  pairs = zip(chosen, rejected, strict=True)
  return np.array([bool(np.all(own <= best)) for best, own in pairs])


def reciprocal_ranks(
  chosen: Float[np.ndarray, "p"], rejected: Rejected
) -> Float[np.ndarray, "p"]:
  """1 / rank; their mean is the MRR."""
  return 1 / ranks(chosen, rejected)


def by_chance(num_rejected: int) -> tuple[float, float]:
  """(accuracy, MRR) of a reward that says anything, without ties.

  With nine wrong solutions: 10 % and 29.29 %.
  """
  places = np.arange(1, num_rejected + 2)
  return float(1 / len(places)), float(np.mean(1 / places))
