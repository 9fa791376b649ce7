"""Where the first error is, for hazard models (CRM, arXiv 2509.26578).

Steps before it are right, it is wrong, and nothing is said of those behind it:
the hazard at t asks only of solutions that are right until t. A right answer
says that there is no error; a wrong one without a located error is censored.
"""

import collections
import dataclasses
from collections.abc import Sequence
from typing import Literal

from prm_jax.data import records
from prm_jax.labelling import counts, rollouts

CENSORED = "censored"  # in `extra`: wrong, nobody knows where


@dataclasses.dataclass(frozen=True)
class Config:
  """Choices of the method.

  Attributes:
    by: the first error is the first step of class 0 by "counts" (or the
      record's classes), or what the record's `first_error` says ("record"),
      where a judge or a person put it.
    threshold: of the classes of counts, see `rollouts.RolloutConfig`.
    unlocated: wrong solutions without a located error stay, without labels
      and marked as `censored` in `extra`, or are left out.
  """

  by: Literal["counts", "record"] = "counts"
  threshold: float = 0.0
  unlocated: Literal["keep", "drop"] = "keep"


def target(
  first: int | None, num_steps: int
) -> tuple[tuple[int | None, ...], int | None]:
  """Classes and first error of a solution whose first error is `first`.

  Args:
    first: index, -1: none, None: not known.
    num_steps: of the solution.
  """
  if first is None:
    return (None,) * num_steps, None
  if first < 0:
    return (1,) * num_steps, -1
  behind = num_steps - first - 1
  return (*(1,) * first, 0, *(None,) * behind), first


def relabel(
  labels: Sequence[records.StepLabels], config: Config
) -> counts.Relabelled:
  """Hazard targets.

  Returns:
    `told` counts solutions by what is known: `right`, `located`, `censored`
    (wrong, without a place), `unknown` (neither verdict nor place; they lose
    all labels), and `lucky`, right answers behind a located error, which
    stay located: the answer is right, the process is not.
  """
  told: collections.Counter[str] = collections.Counter(
    dict.fromkeys(("right", "located", "censored", "unknown", "lucky"), 0)
  )
  found = []
  for label in labels:
    right = counts.outcome(label)
    first = label.first_error
    if config.by == "counts":
      first = rollouts.first_error(counts.classes(label, config.threshold))
    if first is None and right:
      first = -1
    if first == -1 and right is False:
      first = None  # no step is said to be wrong, but one is
    kind = _kind(first, right)
    told[kind] += 1
    told["lucky"] += kind == "located" and right is True
    if kind == "censored" and config.unlocated == "drop":
      continue
    hard, place = target(first, len(counts.steps(label)))
    made = dataclasses.replace(label, hard=hard, soft=None, first_error=place)
    if kind == "censored":
      made = dataclasses.replace(made, extra={**label.extra, CENSORED: True})
    found.append(made)
  return counts.Relabelled(found, dict(told))


def _kind(first: int | None, right: bool | None) -> str:
  if first is None:
    return "unknown" if right is None else "censored"
  return "located" if first >= 0 else "right"
