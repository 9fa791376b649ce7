"""What a file of step labels says on the whole, and what it cost."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from prm_jax.data import records, step_values
from prm_jax.labelling import counts, rollouts

_Classes: TypeAlias = Sequence[int | None]


def summarise(
  labels: Sequence[records.StepLabels],
  threshold: float = 0.0,
  *,
  paid: Sequence[records.StepLabels] | None = None,
) -> dict[str, Any]:
  """Statistics of labels from rollouts.

  Args:
    labels: to tell of.
    threshold: of classes by counts, where a record has none of its own.
    paid: the labels whose `extra` tells the cost, see `rollouts.label`, those
      that `labels` were made of; None: `labels` themselves.

  Returns:
    `solutions`, `steps` (labelled or not), `labels` (steps with a class);
    `positive` (share of labels of class 1), `value` (mean share of
    successes of steps with completions), `standard_error` (binomial, root mean
    square over steps with more than one completion, 0 if there is none);
    `positive_by_step` and `value_by_step`, index 0 the first step;
    `first_error`, share of the solutions by index of the first wrong step
    ("none", "unknown"), which the record tells or the classes;
    `correct_with_error`, share with a wrong step among those whose last step
    is right; `lowest_step_last`, share whose lowest value is at the last
    step; `cost`, see there; and `tokens_per_label`. What has nothing to be
    computed from is null.
  """
  correct = _padded([one.n_correct for one in labels])
  total = _padded([one.n_total for one in labels])
  known = total > 0
  share = correct / np.maximum(total, 1)
  classes = [counts.classes(one, threshold) for one in labels]
  hard = _padded([[c or 0 for c in row] for row in classes])
  is_label = _padded([[c is not None for c in row] for row in classes]) > 0
  spent = cost(labels if paid is None else paid)
  num = int(is_label.sum())
  return {
    "solutions": len(labels),
    "steps": sum(len(one.n_total) for one in labels),
    "labels": num,
    "positive": _mean(hard, is_label),
    "value": _mean(share, known),
    "standard_error": _standard_error(share, total),
    "positive_by_step": _by_step(hard, is_label),
    "value_by_step": _by_step(share, known),
    "first_error": _first_errors(labels, classes),
    **_shapes(labels, classes),
    "cost": spent,
    "tokens_per_label": spent["policy_tokens"] / num if spent and num else None,
  }


def trained(labels: Sequence[records.StepLabels]) -> dict[str, Any]:
  """Statistics of what a verifier is trained on, whatever was counted.

  Returns:
    `labels` (steps with a class or probability, not behind a first error),
    `positive` (their mean), and `positive_by_step`.
  """
  width = max((len(one.n_total) for one in labels), default=0)
  values = np.zeros((len(labels), width))
  mask = np.zeros(values.shape, bool)
  for row, own, one in zip(values, mask, labels, strict=True):
    end = len(one.n_total)
    row[:end], supervised = step_values.values(one)
    own[:end] = supervised & step_values.until_error(one)
  return {
    "labels": int(mask.sum()),
    "positive": _mean(values, mask),
    "positive_by_step": _by_step(values, mask),
  }


def _padded(rows: Sequence[Sequence[int]]) -> np.ndarray:
  width = max(map(len, rows), default=0)
  found = np.zeros((len(rows), width), np.int64)
  for place, row in zip(found, rows, strict=True):
    place[: len(row)] = row
  return found


def _mean(values: np.ndarray, mask: np.ndarray) -> float | None:
  return float(values[mask].mean()) if mask.any() else None


def _by_step(values: np.ndarray, mask: np.ndarray) -> list[float | None]:
  return [_mean(v, m) for v, m in zip(values.T, mask.T, strict=True)]


def _standard_error(share: np.ndarray, total: np.ndarray) -> float:
  """n - 1 makes the estimate of V (1 - V) / n unbiased."""
  several = total > 1
  if not several.any():
    return 0.0
  variance = share * (1 - share) / np.maximum(total - 1, 1)
  return float(np.sqrt(variance[several].mean()))


def _first_errors(
  labels: Sequence[records.StepLabels], classes: Sequence[_Classes]
) -> dict[str, float]:
  names = {-1: "none", None: "unknown"}
  found = Counter(
    rollouts.first_error(own) if one.first_error is None else one.first_error
    for one, own in zip(labels, classes, strict=True)
  )
  order = lambda item: -2 if item[0] is None else item[0]
  ordered = sorted(found.items(), key=order)
  return {
    names.get(index, str(index)): count / len(labels)
    for index, count in ordered
  }


def _shapes(
  labels: Sequence[records.StepLabels], classes: Sequence[_Classes]
) -> dict[str, float | None]:
  """Of solutions all of whose steps have a class, or completions."""
  with_error, at_end = [], []
  for one, hard in zip(labels, classes, strict=True):
    shares = counts.shares(one)
    if len(shares) and not np.isnan(shares).any():
      at_end.append(int(np.argmin(shares)) == len(shares) - 1)
    if hard and None not in hard and hard[-1]:
      with_error.append(0 in hard)
  return {
    "correct_with_error": float(np.mean(with_error)) if with_error else None,
    "lowest_step_last": float(np.mean(at_end)) if at_end else None,
  }


def cost(labels: Sequence[records.StepLabels]) -> Mapping[str, int] | None:
  """The sums of `rollouts.Cost`; None: no record tells what it cost."""
  told = [one.extra[rollouts.COST] for one in labels if _tells_cost(one)]
  if labels and not told:
    return None
  return {
    name: sum(own.get(name, 0) for own in told)
    for name in rollouts.Cost._fields
  }


def _tells_cost(one: records.StepLabels) -> bool:
  return isinstance(one.extra.get(rollouts.COST), Mapping)
