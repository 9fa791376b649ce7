"""Labels against the task's own truth, where it has one."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from prm_jax.data import records, step_values
from prm_jax.labelling import counts, judges
from prm_jax.tasks import base as tasks


def compare(
  labels: Sequence[records.StepLabels],
  problems: Sequence[tasks.Problem],
  oracle: judges.JudgeFn,
) -> dict[str, Any]:
  """What labels say of steps that are right, and of those that are wrong.

  Args:
    labels: classes or probabilities; what does not train is left out.
    problems: one per record.
    oracle: knows every step.

  Returns:
    `right_given_right`, `right_given_wrong`: mean label of the steps of each
    kind (for classes the chance of class 1); `first_error`: share of the
    solutions whose first wrong label (below 1/2) is at the true place, of
    those with an error, without one, and the harmonic mean F1, as in
    ProcessBench; `wrong_process`: share with a wrong step of the solutions
    whose answer is right. What cannot be computed is null.
  """
  truth = judges.ask(oracle, problems, [counts.steps(one) for one in labels])
  by_kind: dict[int | None, list[float]] = {0: [], 1: []}
  hits: dict[bool, list[bool]] = {True: [], False: []}
  wrong_process = []
  for label, own in zip(labels, truth, strict=True):
    values, supervised = step_values.values(label)
    supervised &= step_values.until_error(label)
    for value, known, right in zip(
      values.tolist(), supervised.tolist(), own.verdicts, strict=True
    ):
      if known:
        by_kind[right].append(value)
    true = own.verdicts.index(0) if 0 in own.verdicts else -1
    wrong = np.flatnonzero(supervised & (values < 0.5))
    said = int(wrong[0]) if len(wrong) else -1
    if supervised.any():
      hits[true >= 0].append(said == true)
    if counts.outcome(label):
      wrong_process.append(true >= 0)
  with_error, without = counts.mean(hits[True]), counts.mean(hits[False])
  return {
    "right_given_right": counts.mean(by_kind[1]),
    "right_given_wrong": counts.mean(by_kind[0]),
    "first_error": {
      "with_error": with_error,
      "without_error": without,
      "f1": _f1(with_error, without),
    },
    "wrong_process": counts.mean(wrong_process),
  }


def _f1(first: float | None, second: float | None) -> float | None:
  if first is None or second is None:
    return None
  return 2 * first * second / (first + second) if first + second else 0.0
