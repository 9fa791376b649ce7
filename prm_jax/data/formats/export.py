"""Our step labels in the forms that others read."""

import json
from collections.abc import Iterable
from typing import Any

from prm_jax import errors
from prm_jax.data import atomic, record_files, records, step_values
from prm_jax.data.formats import math_shepherd, trl


def trl_row(
  problem: records.Problem, labels: records.StepLabels
) -> dict[str, Any]:
  """A row of TRL's stepwise supervision.

  Steps without a label, and those behind the first error, get -100.

  Raises:
    UserError: labels of tokens, not steps.
  """
  steps = _steps(labels)
  found, supervised = step_values.values(labels)
  supervised = supervised & step_values.until_error(labels)
  pairs = zip(found.tolist(), supervised.tolist(), strict=True)
  return trl.dump(problem.prompt, steps, [v if on else None for v, on in pairs])


def math_shepherd_row(
  problem: records.Problem, labels: records.StepLabels
) -> dict[str, Any]:
  """A row of Math-Shepherd: a sign for each step.

  Its sign of a count is `+` if any completion was right. Steps that do not
  begin with `Step k:` get it, for readers find the question by the first.

  Raises:
    UserError: a step without a label, a probability without counts, or text
      that holds the tag.
  """
  steps = _steps(labels)
  if labels.hard is None and labels.soft is not None:
    raise errors.UserError("soft: a probability has no sign")
  found, supervised = step_values.values(labels)
  if not supervised.all():
    raise errors.UserError(
      f"steps[{int((~supervised).argmax())}]: has no label, and there is no "
      "sign for that"
    )
  for text in (problem.prompt, *steps):
    if math_shepherd.TAG in text:
      raise errors.UserError(
        f"text {text[:40]!r}: holds the tag {math_shepherd.TAG!r}"
      )
  if not steps[0].startswith("Step 1:"):
    steps = tuple(f"Step {k}: {step}" for k, step in enumerate(steps, 1))
  classes = [int(value > 0) for value in found]
  row = math_shepherd.dump(problem.prompt, steps, classes)
  return {**row, "task": problem.task}


def write(path: record_files.Path, rows: Iterable[dict[str, Any]]) -> None:
  """Writes rows as JSON lines, whole or not at all."""
  with (
    atomic.replacing(path) as temporary,
    open(temporary, "w", encoding="utf-8") as file,
  ):
    for row in rows:
      file.write(json.dumps(row, ensure_ascii=False) + "\n")


def _steps(labels: records.StepLabels) -> tuple[str, ...]:
  if labels.granularity != "step" or not labels.steps:
    raise errors.UserError("granularity: expected 'step', and a step")
  return labels.steps
