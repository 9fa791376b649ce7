"""What is stored between the stages: one JSON object per record.

Labels are stored as counts with the policy that completed them; ratios are
computed where they are used. Fields this version does not know are kept in
`extra` and written back. `record_files` reads and writes them.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence, Sized
from typing import Any, Literal, TypeAlias, TypeVar

from prm_jax import errors
from prm_jax.data import fields
from prm_jax.tasks import base as tasks

SCHEMA = 1
Problem = tasks.Problem
Granularity: TypeAlias = Literal["step", "token"]
RecordT = TypeVar("RecordT")


@dataclasses.dataclass(frozen=True)
class Solution:
  """One attempt at a problem.

  Attributes:
    problem_id: `Problem.id`.
    steps: step texts without delimiters; may be empty (nothing was written).
    answer: canonical answer, None if none could be extracted.
    correct: verdict on the whole solution; None if not judged.
    source: who wrote it, such as `demonstration` or a policy's name.
    tokens: ids written after the prompt, closing tokens included.
    extra: fields of the file that this version does not know.
  """

  problem_id: str
  steps: tuple[str, ...]
  answer: str | None = None
  correct: bool | None = None
  source: str = ""
  tokens: tuple[int, ...] | None = None
  extra: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class StepLabels:
  """Process labels of one solution; index k is the value after unit k.

  Attributes:
    problem_id: `Problem.id`.
    n_correct: correct completions, one per unit.
    n_total: completions, one per unit.
    completer: the policy whose success is counted; it need not be the one
      that wrote the solution.
    granularity: unit of the labels, a step or a token.
    steps: step texts (needed for granularity `step`).
    tokens: ids after the prompt (needed for granularity `token`).
    hard: class per unit, 0 = wrong, null where it is not known.
    soft: probability per unit of a source that tells no counts, null where
      it is not known.
    human: rating per unit, -1, 0 or 1 as in PRM800K (arXiv 2305.20050), null
      where labelling had stopped.
    first_error: index of the first wrong unit, -1 if there is none, None if
      unknown.
    extra: fields of the file that this version does not know.
  """

  problem_id: str
  n_correct: tuple[int, ...]
  n_total: tuple[int, ...]
  completer: str
  granularity: Granularity = "step"
  steps: tuple[str, ...] | None = None
  tokens: tuple[int, ...] | None = None
  hard: tuple[int | None, ...] | None = None
  soft: tuple[float | None, ...] | None = None
  human: tuple[int | None, ...] | None = None
  first_error: int | None = None
  extra: Mapping[str, Any] = dataclasses.field(default_factory=dict)

  def __post_init__(self):
    name = "steps" if self.granularity == "step" else "tokens"
    units: Sized | None = getattr(self, name)
    if units is None:
      raise errors.UserError(
        f"{name}: missing, labels per {self.granularity} need them"
      )
    for field in ("n_correct", "n_total", "hard", "soft", "human"):
      labels = getattr(self, field)
      if labels is not None and len(labels) != len(units):
        raise errors.UserError(
          f"{field}: {len(labels)} labels for {len(units)} {name}"
        )
    for index, (k, n) in enumerate(
      zip(self.n_correct, self.n_total, strict=True)
    ):
      if not 0 <= k <= n:
        raise errors.UserError(
          f"n_correct[{index}]: {k} correct of {n} completions"
        )
    for index, value in enumerate(self.soft or ()):
      if value is not None and not 0 <= value <= 1:
        raise errors.UserError(f"soft[{index}]: {value} is no probability")
    if self.first_error is not None and not (
      -1 <= self.first_error < len(units)
    ):
      raise errors.UserError(
        f"first_error: {self.first_error} with {len(units)} {name}"
      )


@dataclasses.dataclass(frozen=True)
class StepPair:
  """Of two ways to go on from the same steps, the better and the worse.

  Attributes:
    problem_id: `Problem.id`.
    prefix: step texts that both begin with; may be empty.
    better: step texts that follow it, at least one.
    worse: likewise, others than `better`.
    better_value: in [0, 1], such as the chance to end correct; None if only
      the order is known.
    worse_value: likewise; on few completions it may be the higher one.
    extra: where the pair is from; fields that this version does not know.
  """

  problem_id: str
  prefix: tuple[str, ...]
  better: tuple[str, ...]
  worse: tuple[str, ...]
  better_value: float | None = None
  worse_value: float | None = None
  extra: Mapping[str, Any] = dataclasses.field(default_factory=dict)

  def __post_init__(self):
    for name, steps in (("better", self.better), ("worse", self.worse)):
      if not steps:
        raise errors.UserError(f"{name}: has no step")
    if self.better == self.worse:
      raise errors.UserError("worse: is the same as better")
    for name, value in (
      ("better_value", self.better_value),
      ("worse_value", self.worse_value),
    ):
      if value is not None and not 0 <= value <= 1:
        raise errors.UserError(f"{name}: {value} is not in [0, 1]")


@dataclasses.dataclass(frozen=True)
class SearchRow:
  """One row (sample, beam, particle) at the end of a search."""

  steps: tuple[str, ...]
  answer: str | None = None
  correct: bool | None = None
  score: float | None = None
  step_scores: tuple[float, ...] | None = None
  extra: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class SearchSample:
  """What a search found for one problem, and what it spent.

  Attributes:
    problem_id: `Problem.id`.
    rows: all rows, chosen or not.
    chosen: index of the row that is the answer, None if there is none.
    cost: counts by name, as in `search.Cost`.
    extra: fields of the file that this version does not know.
  """

  problem_id: str
  rows: tuple[SearchRow, ...]
  chosen: int | None
  cost: Mapping[str, Any]
  extra: Mapping[str, Any] = dataclasses.field(default_factory=dict)

  def __post_init__(self):
    if self.chosen is not None and not 0 <= self.chosen < len(self.rows):
      raise errors.UserError(
        f"chosen: {self.chosen} with {len(self.rows)} rows"
      )


_KINDS: Mapping[type, str] = {
  Problem: "problem",
  Solution: "solution",
  StepLabels: "step_labels",
  StepPair: "step_pair",
  SearchSample: "search_sample",
}


def to_json(record: Any) -> str:
  """One line of JSON, with the schema version and the kind of record."""
  head = {"schema": SCHEMA, "record": _KINDS[type(record)]}
  return json.dumps({**head, **fields.encode(record)}, ensure_ascii=False)


def from_json(text: str | bytes, cls: type[RecordT]) -> RecordT:
  """Reads one record.

  Raises:
    UserError: no JSON object, another kind of record, a newer schema, or a
      field that is missing or wrong; names the field.
  """
  try:
    value = json.loads(text)
  except (json.JSONDecodeError, UnicodeDecodeError) as error:
    raise errors.UserError(f"not JSON ({error})") from error
  if not isinstance(value, dict):
    raise errors.UserError(f"not a JSON object: {str(text)[:40]}")
  kind = value.pop("record", _KINDS[cls])
  if kind != _KINDS[cls]:
    raise errors.UserError(f"record: {kind!r}, expected {_KINDS[cls]!r}")
  schema = fields.decode(value.pop("schema", SCHEMA), int, "schema")
  if not 1 <= schema <= SCHEMA:
    raise errors.UserError(
      f"schema: {schema}, this version reads up to {SCHEMA}"
    )
  return fields.decode_dataclass(value, cls)


def by_problem(rows: Sequence[RecordT]) -> dict[str, list[RecordT]]:
  """Records grouped by `problem_id`, both in order of appearance."""
  groups: dict[str, list[RecordT]] = {}
  for row in rows:
    groups.setdefault(getattr(row, "problem_id"), []).append(row)  # noqa: B009
  return groups
