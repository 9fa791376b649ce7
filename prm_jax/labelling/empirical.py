"""Probabilities from outcomes, by way of what a model predicts.

CaPE (arXiv:2111.10734): a model that memorises single outcomes collapses to 0
and 1. From time to time the targets become the outcomes' means among examples
that it predicts alike, and training goes on with these.
"""

from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Float

Form: TypeAlias = Literal["bins", "kernel"]
Values = Float[np.ndarray, "n"]


def binned(
  predicted: Values, outcomes: Values, *, num_bins: int = 10
) -> Values:
  """Mean outcome of the bin of equal mass that each prediction falls in.

  Args:
    predicted: [n] of a model.
    outcomes: [n] 0 or 1, or shares.
    num_bins: of which none is empty where there are as many examples.
  """
  found = np.empty(len(predicted))
  order = np.argsort(predicted, kind="stable")
  for members in np.array_split(order, num_bins):
    if len(members):
      found[members] = outcomes[members].mean()
  return found


def kernel(
  predicted: Values,
  outcomes: Values,
  *,
  width: float = 0.1,
  num_neighbours: int = 500,
) -> Values:
  """Mean of outcomes weighed by exp(-(p_i - p_j)^2 / (2 width^2)).

  Over a window of so many in the order of predictions, as at the ends of it.

  Args:
    predicted: [n] of a model.
    outcomes: [n].
    width: of the kernel.
    num_neighbours: of the window; the nearest in rank.
  """
  order = np.argsort(predicted, kind="stable")
  p, y = predicted[order].astype(np.float64), outcomes[order]
  size = min(num_neighbours, len(p))
  first = np.clip(np.arange(len(p)) - size // 2, 0, len(p) - size)
  found = np.empty(len(p))
  for place in range(len(p)):
    window = slice(first[place], first[place] + size)
    weight = np.exp(-0.5 * ((p[window] - p[place]) / width) ** 2)
    found[order[place]] = weight @ y[window] / weight.sum()
  return found


def mixed(targets: Values, teacher: Values, weight: float) -> Values:
  """(1 - weight) target + weight teacher: soft targets of distillation.

  With the student's own predictions of before, and a weight that grows from
  round to round, it is progressive self-distillation (arXiv:2006.12000).

  Raises:
    ValueError: the weight is not in [0, 1].
  """
  if not 0 <= weight <= 1:
    raise ValueError(f"weight {weight} is not in [0, 1]")
  return (1 - weight) * targets + weight * teacher


def progressive_weight(number: int, num_rounds: int, last: float) -> float:
  """weight of round `number` (from 0): last * (number + 1) / num_rounds."""
  return last * (number + 1) / num_rounds
