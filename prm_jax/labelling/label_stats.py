"""What a file of step labels says on the whole, and what it cost."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from prm_jax.data import records, step_values
from prm_jax.labelling import rollouts


def summarise(
  labels: Sequence[records.StepLabels], threshold: float = 0.0
) -> dict[str, Any]:
  """Statistics of labels from rollouts.

  Args:
    labels: whose `extra` may tell their cost, see `rollouts.label`.
    threshold: of the classes.

  Returns:
    `solutions`, `steps` (labelled or not), `labels` (steps with completions);
    `positive` (share of labels of class 1), `value` (mean share of
    successes), `standard_error` (binomial, root mean square over labels with
    more than one completion, 0 if there is none); `positive_by_step` and
    `value_by_step`, index 0 the first step; `first_error`, share of the
    solutions by index of the first wrong step ("none", "unknown");
    `correct_with_error`, share with a wrong step among those whose last step
    is right; `lowest_step_last`, share whose lowest value is at the last
    step; the sums of `rollouts.Cost`; and `tokens_per_label`. What has no
    label to be computed from is null.
  """
  correct = _padded([one.n_correct for one in labels])
  total = _padded([one.n_total for one in labels])
  known = total > 0
  share = correct / np.maximum(total, 1)
  hard = known & (correct > threshold * total)
  spent = cost(labels)
  num = int(known.sum())
  return {
    "solutions": len(labels),
    "steps": sum(len(one.n_total) for one in labels),
    "labels": num,
    "positive": _mean(hard, known),
    "value": _mean(share, known),
    "standard_error": _standard_error(share, total),
    "positive_by_step": _by_step(hard, known),
    "value_by_step": _by_step(share, known),
    "first_error": _first_errors(labels, threshold),
    **_shapes(labels, threshold),
    "cost": spent,
    "tokens_per_label": spent["policy_tokens"] / num if num else None,
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
  labels: Sequence[records.StepLabels], threshold: float
) -> dict[str, float]:
  names = {-1: "none", None: "unknown"}
  found = Counter(
    rollouts.first_error(rollouts.classes(x.n_correct, x.n_total, threshold))
    for x in labels
  )
  order = lambda item: -2 if item[0] is None else item[0]
  ordered = sorted(found.items(), key=order)
  return {
    names.get(index, str(index)): count / len(labels)
    for index, count in ordered
  }


def _shapes(
  labels: Sequence[records.StepLabels], threshold: float
) -> dict[str, float | None]:
  """Of solutions all of whose steps are labelled."""
  with_error, at_end = [], []
  for one in labels:
    hard = rollouts.classes(one.n_correct, one.n_total, threshold)
    if not hard or None in hard:
      continue
    shares = np.array(one.n_correct) / np.array(one.n_total)
    at_end.append(int(np.argmin(shares)) == len(shares) - 1)
    if hard[-1]:
      with_error.append(0 in hard)
  return {
    "correct_with_error": float(np.mean(with_error)) if with_error else None,
    "lowest_step_last": float(np.mean(at_end)) if at_end else None,
  }


def cost(labels: Sequence[records.StepLabels]) -> Mapping[str, int]:
  """The sums of what `extra` tells, see `rollouts.Cost`."""
  return {
    name: sum(one.extra.get(rollouts.COST, {}).get(name, 0) for one in labels)
    for name in rollouts.Cost._fields
  }
