"""Following instructions step by step: ProcBench (arXiv 2410.03117).

A run through the instructions is the list of states after each of them. What
is measured is how far a predicted list agrees with the true one from the
start, and whether the end is right all the same.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

# Number of intermediate states of a short, medium and long item.
BUCKETS = {"short": range(1, 6), "medium": range(6, 16), "long": range(16, 25)}


class Match(NamedTuple):
  """Of one item."""

  prefix_length: int  # PML: states that agree from the start
  prefix_accuracy: float  # PA: over the longer of the two lists
  sequential: bool  # SM: all agree
  final: bool  # FM: the last states agree


def match(true: Sequence[Any], predicted: Sequence[Any]) -> Match:
  """Compares lists of states, the final one included.

  Args:
    true: at least one state.
    predicted: any number; an empty list agrees with nothing.

  Raises:
    ValueError: there is no true state.
  """
  if not true:
    raise ValueError("no true state to compare with")
  length = 0
  for own, other in zip(true, predicted, strict=False):
    if own != other:
      break
    length += 1
  accuracy = length / max(len(true), len(predicted))
  final = bool(predicted) and predicted[-1] == true[-1]
  return Match(length, accuracy, accuracy == 1, bool(final))


def bucket(num_intermediate: int) -> str:
  """Name of the bucket; "other" outside all of them."""
  for name, sizes in BUCKETS.items():
    if num_intermediate in sizes:
      return name
  return "other"
