"""What a reader of a public data set is made of."""

import collections
import dataclasses
import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, TypeAlias, TypeVar

from prm_jax.data import records

Row: TypeAlias = Mapping[str, Any]
# What was left out or mended, by reason; readers add to it.
Told: TypeAlias = collections.Counter[str]
RecordT = TypeVar("RecordT")
Verdicts: TypeAlias = tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class SolvedProblem:
  """A problem with one solution of it."""

  problem: records.Problem
  solution: records.Solution


@dataclasses.dataclass(frozen=True)
class LabelledSolution:
  """A problem with the step labels of one solution of it."""

  problem: records.Problem
  labels: records.StepLabels


@dataclasses.dataclass(frozen=True)
class Note:
  """What to know about a data set before using it.

  Attributes:
    repository: owner and name where it is published.
    files: what to take from there.
    licence: as its authors state it.
    citation: authors, year, arXiv id.
    num_rows: rows of the published files by file or split, for comparison.
    checksums: of these rows (`rows.Checksum`), where known.
  """

  repository: str
  files: str
  licence: str
  citation: str
  num_rows: Mapping[str, int] = dataclasses.field(default_factory=dict)
  checksums: Mapping[str, str] = dataclasses.field(default_factory=dict)

  @property
  def how_to_get(self) -> str:
    """One line for a user who does not have the files."""
    return f"get {self.files} from {self.repository} and name the local copy"


@dataclasses.dataclass(frozen=True)
class Format(Generic[RecordT]):
  """One public schema.

  Attributes:
    name: of the data set.
    record: class of the records.
    parse: row, its place in the source (`train.jsonl:17`, or the path of a
      file that holds one row), and counts to add to; gives the records of
      the row. Raises UserError that names a field of a bad row.
    note: licence, source, citation.
    labelled: step labels of a record, where the data set has them.
    solved: judged solutions of a record, where the data set has them.
  """

  name: str
  record: type[RecordT]
  parse: Callable[[Row, str, Told], Iterable[RecordT]]
  note: Note
  labelled: Callable[[RecordT], Iterable[LabelledSolution]] | None = None
  solved: Callable[[RecordT], Iterable[SolvedProblem]] | None = None


def problem_id(name: str, *texts: str) -> str:
  """An id that depends on the problem's text alone, not on its place.

  So rows of one problem share it, whatever file or order they come in.
  """
  digest = hashlib.sha256("\0".join(texts).encode()).hexdigest()
  return f"{name}/{digest[:16]}"


def until_first_error(first_error: int, num_steps: int) -> Verdicts:
  """Classes of steps where only the first wrong one is known.

  Right before it, wrong at it. What follows it is marked wrong too, and
  left unsupervised by `StepLabels.first_error`.

  Args:
    first_error: index, -1 where all steps are right.
    num_steps: of the solution.
  """
  right = num_steps if first_error < 0 else first_error
  return (1,) * right + (0,) * (num_steps - right)


REFERENCE = "reference"


def reference_solution(
  problem: records.Problem, steps: tuple[str, ...]
) -> records.Solution:
  """The solution that the data set gives, which is right."""
  return records.Solution(
    problem.id, steps, problem.answer, correct=True, source=REFERENCE
  )


def itself(record: RecordT) -> Iterable[RecordT]:
  """For formats whose records are what is asked for."""
  return (record,)
