"""Labels on all steps, also on those after the first error.

For benchmarks such as UniversalBench (arXiv 2502.11520), where a long chain of
thought may go wrong and recover. Its own metric is not known here; these are
the F1 on wrong steps and the share of trajectories with every step right.
"""

import numpy as np
from jaxtyping import Bool, Float

Steps = Bool[np.ndarray, "k"]

_FOUND, _TOLD, _WRONG, _EXACT, _ALL, _SAME, _STEPS = range(7)


def sums(said_right: Steps, right: Steps) -> Float[np.ndarray, "7"]:
  """What a trajectory adds up to, for `wrong_f1` and the two accuracies."""
  found = np.empty(7)
  found[_FOUND] = np.sum(~said_right & ~right)
  found[_TOLD] = np.sum(~said_right)
  found[_WRONG] = np.sum(~right)
  found[_EXACT] = np.array_equal(said_right, right)
  found[_ALL] = 1
  found[_SAME] = np.sum(said_right == right)
  found[_STEPS] = len(right)
  return found


def wrong_f1(totals: Float[np.ndarray, "*d 7"]) -> np.ndarray:
  """Steps rightly called wrong against called wrong and wrong; 0 / 0 is 0."""
  both = totals[..., _TOLD] + totals[..., _WRONG]
  return np.asarray(2 * totals[..., _FOUND] / np.maximum(both, 1))


def exact_match(totals: Float[np.ndarray, "*d 7"]) -> np.ndarray:
  """Share of trajectories with the right verdict on every step."""
  return np.asarray(totals[..., _EXACT] / totals[..., _ALL])


def step_accuracy(totals: Float[np.ndarray, "*d 7"]) -> np.ndarray:
  """Share of steps with the right verdict."""
  return np.asarray(totals[..., _SAME] / totals[..., _STEPS])
