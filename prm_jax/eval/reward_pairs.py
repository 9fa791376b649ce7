"""Right against wrong in pairs: RewardBench (arXiv 2403.13787).

A pair is won if the chosen solution scores above the rejected one; a tie is
not won. A section averages its subsets by how many pairs each stands for,
which is not how many it has: `math-prm` has 447 and counts for 984, as much
as the six subsets of code together.
"""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from jaxtyping import Bool, Num

# Of the section "Reasoning".
REASONING: Mapping[str, int] = MappingProxyType(
  {
    "math-prm": 984,
    "hep-cpp": 164,
    "hep-go": 164,
    "hep-java": 164,
    "hep-js": 164,
    "hep-python": 164,
    "hep-rust": 164,
  }
)


def won(
  chosen: Num[np.ndarray, "n"], rejected: Num[np.ndarray, "n"]
) -> Bool[np.ndarray, "n"]:
  return chosen > rejected


def tied(
  chosen: Num[np.ndarray, "n"], rejected: Num[np.ndarray, "n"]
) -> Bool[np.ndarray, "n"]:
  return chosen == rejected


def section(
  accuracies: Mapping[str, float], weights: Mapping[str, int] = REASONING
) -> float:
  """Average of the subsets that were measured, by their weights.

  Raises:
    ValueError: no subset of the section was measured.
  """
  names = [name for name in weights if name in accuracies]
  if not names:
    raise ValueError("no subset of the section was measured")
  values = [accuracies[name] for name in names]
  return float(np.average(values, weights=[weights[name] for name in names]))
