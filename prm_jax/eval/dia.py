"""Instances of one template, and saying so when unsure: DIA (arXiv 2410.15490).

Each template is posed k times with other numbers. An answer is right, wrong or
"I do not know"; being wrong costs more than not knowing.
"""

from typing import Literal, NamedTuple, TypeAlias, get_args

import numpy as np

from prm_jax import errors

Outcome: TypeAlias = Literal["correct", "wrong", "unknown"]
OUTCOMES: tuple[str, ...] = get_args(Outcome)
POINTS = {"correct": 1, "unknown": 0, "wrong": -2}
NEAR = (0.8, 0.99)  # shares of correct instances that are a near miss


class Template(NamedTuple):
  """Of the k instances of one template."""

  reliability: float  # RS: points per instance, from -2 to 1
  success: float  # TSR: share correct
  confident: bool  # counts for CI: all correct
  near_miss: bool  # counts for NMS: nearly all correct


def template(outcomes: tuple[str, ...] | list[str]) -> Template:
  """Scores of one template.

  Raises:
    errors.UserError: no outcome, or one of another name.
  """
  if not outcomes:
    raise errors.UserError("outcomes: there are none")
  for outcome in outcomes:
    if outcome not in POINTS:
      raise errors.UserError(
        f"outcome: {outcome!r} is not one of {', '.join(OUTCOMES)}"
      )
  success = outcomes.count("correct") / len(outcomes)
  return Template(
    float(np.mean([POINTS[outcome] for outcome in outcomes])),
    success,
    success == 1,
    NEAR[0] <= success <= NEAR[1],
  )
