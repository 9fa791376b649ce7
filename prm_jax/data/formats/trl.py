"""TRL's stepwise supervision: a prompt, completions, and a label for each.

Labels are true or false, or a probability. A label of -100 says that there is
none: as a truth value it would be true, and as a class a probability would be
0 or 1.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from prm_jax import errors
from prm_jax.data import fields, records
from prm_jax.data.formats import base
from prm_jax.text import segments

NAME = "trl"
IGNORED = -100
NOTE = base.Note(
  repository="trl-lib/math_shepherd, trl-lib/prm800k or another data set in "
  "this form (of the Hugging Face hub)",
  files="data/*.parquet, or JSON lines",
  licence="that of the data set it was made from",
  citation="von Werra et al., TRL: Transformers Reinforcement Learning",
)


@dataclasses.dataclass(frozen=True)
class _Row:
  prompt: str
  completions: tuple[str, ...]
  labels: tuple[Any, ...]
  extra: base.Row = dataclasses.field(default_factory=dict)

  def __post_init__(self):
    if len(self.labels) != len(self.completions):
      raise errors.UserError(
        f"labels: {len(self.labels)} labels for {len(self.completions)} "
        "completions"
      )


def probability(value: Any, field: str) -> float | None:
  """A label as a probability; None for an ignored one.

  Raises:
    UserError: neither true, false, null, -100 nor a number of 0..1.
  """
  if value is None or (type(value) in (int, float) and value == IGNORED):
    return None
  if type(value) in (bool, int, float) and 0 <= value <= 1:
    return float(value)
  raise errors.UserError(
    f"{field}: {value!r} is not true, false, {IGNORED} or a number of 0..1"
  )


def parse(
  row: base.Row, place: str, told: base.Told
) -> Iterator[base.LabelledSolution]:
  """The labelled solution of a row: classes, or probabilities if any is."""
  del place
  found = fields.decode_dataclass(row, _Row)
  values = [
    probability(value, f"labels[{index}]")
    for index, value in enumerate(found.labels)
  ]
  kept, empty = segments.without_empty(found.completions)
  told["empty steps, left out"] += empty
  if not kept:
    told["rows without a step, left out"] += 1
    return
  values = [values[index] for index in kept]
  told["steps without a label, not supervised"] += values.count(None)
  is_soft = any(value not in (0, 1, None) for value in values)
  problem = records.Problem(
    id=base.problem_id(NAME, found.prompt),
    task=NAME,
    prompt=found.prompt,
    answer=None,
  )
  none = (0,) * len(kept)
  classes = tuple(None if v is None else int(v) for v in values)
  labels = records.StepLabels(
    problem_id=problem.id,
    n_correct=none,
    n_total=none,
    completer="",
    steps=tuple(found.completions[index] for index in kept),
    hard=None if is_soft else classes,
    soft=tuple(values) if is_soft else None,
    extra=found.extra,
  )
  yield base.LabelledSolution(problem, labels)


def dump(
  prompt: str, steps: Sequence[str], values: Sequence[int | float | None]
) -> dict[str, Any]:
  """The row that `parse` reads as these labels.

  Whole numbers are classes, written as true and false.
  """
  return {
    "prompt": prompt,
    "completions": list(steps),
    "labels": [
      IGNORED if v is None else bool(v) if isinstance(v, int) else v
      for v in values
    ],
  }


FORMAT = base.Format(
  NAME, base.LabelledSolution, parse, NOTE, labelled=base.itself
)
