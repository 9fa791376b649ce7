"""Whether a step keeps enough of the value (RPE of GenPRM, arXiv 2504.00891).

With V the value and A = V_t - V_{t-1} the advantage of step t, the ratio V_t /
V_{t-1} is 1 + A / V_{t-1} and the difference is A. What is judged is the step
that loses value: from a bad state on, further wrong steps may pass.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from jaxtyping import Bool

# (V before, V after) -> whether the step is right
KeepsFn: TypeAlias = Callable[[float, float], bool]


def ratio(threshold: float) -> KeepsFn:
  """V_t / V_{t-1} >= threshold, without a division."""
  return lambda before, after: after >= threshold * before


def difference(threshold: float) -> KeepsFn:
  """V_t - V_{t-1} >= threshold, which is negative or 0."""
  return lambda before, after: after - before >= threshold


def judge(
  values: Sequence[float], start: float, keeps: KeepsFn
) -> Bool[np.ndarray, "t"]:
  """Whether each step keeps enough of the value.

  Once a value is 0 all later steps are wrong, whatever their values say.

  Args:
    values: after each step; NaN: not known, which makes the step and the next
      one False, but none dead.
    start: before the first.
    keeps: judges one step.
  """
  found = np.zeros(len(values), bool)
  before = start
  for index, value in enumerate(values):
    if before <= 0:
      break
    found[index] = keeps(before, value)
    before = value
  return found
