"""Balanced classes by leaving labels out (ReARTeR, MM-PRM, PAV, SORM).

What is left out keeps its counts and loses its class or probability, so that
nothing trains on it. Which labels go is a matter of the problem and the steps
alone, not of the order of the file. Leaving out positives at a rate r shifts
the fitted log-odds of classes by log r; `log_odds_shift` tells by how much, to
be taken off again before probabilities are read.
"""

import collections
import dataclasses
import json
import math
from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

from prm_jax import errors
from prm_jax.data import records, step_values
from prm_jax.labelling import counts
from prm_jax.tasks import base as tasks

By: TypeAlias = Literal["file", "step", "problem"]
Place: TypeAlias = tuple[int, int]  # solution, step


@dataclasses.dataclass(frozen=True)
class Config:
  """What is balanced.

  Attributes:
    by: classes are equal in number over the whole "file" (ReARTeR, arXiv
      2501.07861), among prefixes of equal length ("step", GLoRe, 2402.10963)
      or within each "problem".
    positive: a probability is of the positive class from 1/2 on ("half", PAV,
      2410.08146) or above 0 ("any", MM-PRM, 2505.13427).
    drop: labels of the "larger" class are left out, or only "positive" ones.
    ratio: labels of that class that are kept for each of the other, at most.
    problems: those whose labels count: "all", or the "open" ones, whose
      pass@1 is neither 0 nor 1 (MM-PRM); needs `rollouts.root`.
    seed: another choice among labels of a class.
  """

  by: By = "file"
  positive: Literal["half", "any"] = "half"
  drop: Literal["larger", "positive"] = "larger"
  ratio: float = 1.0
  problems: Literal["all", "open"] = "all"
  seed: int = 0

  def __post_init__(self):
    if self.ratio < 1:
      raise errors.UserError("method.ratio: must be at least 1")


class _Unit(NamedTuple):
  """A label that trains."""

  place: Place
  positive: bool
  group: Any
  order: float


def relabel(
  labels: Sequence[records.StepLabels], config: Config
) -> counts.Relabelled:
  """Leaves labels out until the classes are in proportion.

  Returns:
    All records; `told` has `positives`, `negatives`, what is kept of each,
    `groups_of_one_class` (which lose all their labels unless `drop` spares
    them), `closed` (labels of problems that are not open), `unjudged` (of
    those of which no completion has a verdict), and `log_odds_shift`, null
    where a class is empty.
  """
  left, open_labels = _without_closed(labels, config)
  units = list(_units(open_labels, config))
  groups: dict[Any, list[_Unit]] = collections.defaultdict(list)
  for unit in units:
    groups[unit.group].append(unit)
  kept = {u.place for group in groups.values() for u in _kept(group, config)}
  dropped: dict[int, set[int]] = collections.defaultdict(set)
  for i, k in {unit.place for unit in units} - kept:
    dropped[i].add(k)
  found = [
    leave_out(one, dropped[i]) if i in dropped else one
    for i, one in enumerate(open_labels)
  ]
  told = _told(units, kept)
  told["groups_of_one_class"] = sum(
    len({u.positive for u in group}) == 1 for group in groups.values()
  )
  return counts.Relabelled(found, {**told, **left})


def log_odds_shift(positive_rate: float, negative_rate: float) -> float | None:
  """What sub-sampling adds to the log-odds of the fitted class probability."""
  if not (positive_rate and negative_rate):
    return None
  return math.log(positive_rate / negative_rate)


def leave_out(
  label: records.StepLabels, dropped: set[int]
) -> records.StepLabels:
  """The record without the class or probability of some steps."""
  values, supervised = step_values.values(label)
  left = tuple(
    None if not known or k in dropped else value
    for k, (value, known) in enumerate(
      zip(values.tolist(), supervised.tolist(), strict=True)
    )
  )
  if label.hard is not None:
    return dataclasses.replace(label, hard=left)
  return dataclasses.replace(label, soft=left)


def trained(label: records.StepLabels) -> list[int]:
  """Indices of the steps that have a label and are not behind an error."""
  supervised = step_values.values(label)[1] & step_values.until_error(label)
  return [k for k, own in enumerate(supervised.tolist()) if own]


def _without_closed(
  labels: Sequence[records.StepLabels], config: Config
) -> tuple[dict[str, int], list[records.StepLabels]]:
  left = {"closed": 0, "unjudged": 0}
  if config.problems == "all":
    return left, list(labels)
  found = []
  for index, label in enumerate(labels):
    root = counts.root(label)
    if root is None:
      raise errors.UserError(
        f"labels[{index}].extra.root: missing; label with rollouts.root, or "
        "set method.problems to 'all'"
      )
    places = trained(label)
    if 0 < root[0] < root[1]:
      found.append(label)
      continue
    left["closed" if root[1] else "unjudged"] += len(places)
    found.append(leave_out(label, set(places)))
  return left, found


def _units(
  labels: Sequence[records.StepLabels], config: Config
) -> Iterator[_Unit]:
  for i, label in enumerate(labels):
    values = step_values.values(label)[0].tolist()
    steps = counts.steps(label)
    for k in trained(label):
      group = {"file": None, "step": k, "problem": label.problem_id}
      limit = values[k] >= 0.5 if config.positive == "half" else values[k] > 0
      said = json.dumps([config.seed, label.problem_id, *steps[: k + 1]])
      yield _Unit((i, k), bool(limit), group[config.by], tasks.hash_key(said))


def _kept(group: Sequence[_Unit], config: Config) -> list[_Unit]:
  """What a group keeps; the order of content decides."""
  positive = [unit for unit in group if unit.positive]
  negative = [unit for unit in group if not unit.positive]
  if len(positive) <= len(negative) and config.drop == "positive":
    return [*group]
  larger, other = (
    (positive, negative)
    if len(positive) > len(negative)
    else (negative, positive)
  )
  room = int(config.ratio * len(other))
  ranked = sorted(larger, key=lambda unit: unit.order)
  return [*other, *ranked[:room]]


def _told(units: Sequence[_Unit], kept: set[Place]) -> dict[str, Any]:
  found: dict[str, Any] = {}
  rates = []
  for name, positive in (("positives", True), ("negatives", False)):
    own = [unit for unit in units if unit.positive == positive]
    stay = sum(unit.place in kept for unit in own)
    found |= {name: len(own), f"{name}_kept": stay}
    rates.append(stay / len(own) if own else 0.0)
  return {**found, "log_odds_shift": log_odds_shift(*rates)}
