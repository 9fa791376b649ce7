"""What a record of step labels counted, as arrays; and a relabelled file."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from prm_jax import errors
from prm_jax.data import records
from prm_jax.labelling import rollouts

CORRECT = "correct"  # in `extra`: the verdict on the whole solution


class Relabelled(NamedTuple):
  """What a method makes of a file of labels.

  Attributes:
    labels: with the counts and completers they came with.
    told: what the method has to say, for `label_stats.json`: numbers by name.
  """

  labels: list[records.StepLabels]
  told: dict[str, Any]


def shares(label: records.StepLabels) -> Float[np.ndarray, "k"]:
  """Share of correct completions of each step, NaN without completions."""
  total = np.array(label.n_total, np.float64)
  found = np.full(total.shape, np.nan)
  known = total > 0
  found[known] = np.array(label.n_correct)[known] / total[known]
  return found


def root(label: records.StepLabels) -> tuple[int, int] | None:
  """(correct, all) completions of the bare problem, None: nobody counted.

  (0, 0) where the problem was completed and no completion had a verdict.

  Raises:
    UserError: names the field of `extra` that is not as `rollouts` writes it.
  """
  value = label.extra.get(rollouts.ROOT)
  if value is None:
    return None
  names = ("n_correct", "n_total")
  if not isinstance(value, Mapping) or set(value) != set(names):
    raise errors.UserError(f"extra.root: expected {', '.join(names)}")
  correct, total = (value[name] for name in names)
  for name, number in zip(names, (correct, total), strict=True):
    if type(number) is not int:
      raise errors.UserError(f"extra.root.{name}: {number!r} is not whole")
  if not 0 <= correct <= total:
    raise errors.UserError(f"extra.root: {correct} correct of {total}")
  return correct, total


def pass_at_1(label: records.StepLabels) -> float:
  """Share of correct completions of the bare problem, NaN where not known."""
  correct, total = root(label) or (0, 0)
  return correct / total if total else float("nan")


def classes(
  label: records.StepLabels, threshold: float = 0.0
) -> tuple[int | None, ...]:
  """The record's own classes; where it has none, those of the counts."""
  if label.hard is not None:
    return label.hard
  return rollouts.classes(label.n_correct, label.n_total, threshold)


def outcome(label: records.StepLabels) -> bool | None:
  """Whether the solution is right; None: not known.

  What `extra` says; else the count of a last step labelled by its answer,
  which is a single completion.
  """
  told = label.extra.get(CORRECT)
  if isinstance(told, bool):
    return told
  if not label.n_total or label.n_total[-1] != 1:
    return None
  return bool(label.n_correct[-1])


def steps(label: records.StepLabels) -> tuple[str, ...]:
  """Step texts.

  Raises:
    UserError: labels of tokens.
  """
  if label.granularity != "step" or label.steps is None:
    raise errors.UserError("granularity: expected 'step'")
  return label.steps


def mean(values: Sequence[int | float]) -> float | None:
  """None of nothing, which JSON has a word for."""
  return float(np.mean(values)) if len(values) else None
