"""MATH (arXiv 2103.03874), as a folder of files or lines, and MATH-500."""

import dataclasses
import functools
import re
from collections.abc import Iterator

from prm_jax import errors
from prm_jax.data import fields, records
from prm_jax.data.formats import base
from prm_jax.tasks import answers
from prm_jax.text import segments

NAME, NAME_500 = "math", "math500"
_FILE = re.compile(r"(?:(?:train|test)/)?[a-z_]+/\d+\.json$")
NOTE = base.Note(
  repository="hendrycks/math",
  files="the folders train/ and test/ of MATH.tar (one JSON file a problem)",
  licence="MIT",
  citation="Hendrycks et al. 2021, arXiv 2103.03874",
  num_rows={"train": 7500, "test": 5000},
)
NOTE_500 = base.Note(
  repository="openai/prm800k",
  files="prm800k/math_splits/test.jsonl",
  licence="MIT",
  citation="Lightman et al. 2023, arXiv 2305.20050",
  num_rows={"test": 500},
  checksums={"test": "8ff4ce10e28828f4"},
)


@dataclasses.dataclass(frozen=True)
class Config:
  """How solutions are read.

  Attributes:
    steps: rule that cuts solutions, see `text.segments.rule`.
  """

  steps: str = "blank_line"


@dataclasses.dataclass(frozen=True)
class _Row:
  problem: str
  solution: str
  level: str | int | None = None
  answer: str | None = None
  type: str | None = None
  subject: str | None = None
  unique_id: str | None = None
  extra: base.Row = dataclasses.field(default_factory=dict)


def level_number(level: str | int | None) -> int | None:
  """1..5 of `Level 3` or 3; None for `Level ?`."""
  found = re.fullmatch(r"(?:Level )?(\d+)", str(level))
  return int(found[1]) if found else None


def parse(
  row: base.Row, place: str, told: base.Told, config: Config, name: str
) -> Iterator[base.SolvedProblem]:
  """The problem of a row, and its solution.

  Raises:
    UserError: neither an answer nor a boxed one, or an unknown field type.
  """
  found = fields.decode_dataclass(row, _Row)
  answer = found.answer or answers.last_boxed(found.solution)
  if not answer:
    raise errors.UserError("solution: no \\boxed answer")
  level = level_number(found.level)
  if level is None:
    told["problems without a level, kept"] += 1
  cut = segments.split(found.solution, config.steps)
  if cut.num_empty:
    told["empty steps, left out"] += cut.num_empty
  file = _FILE.search(place)
  own = found.unique_id or (file[0] if file else None)
  problem = records.Problem(
    # The test problems of both sets have one name, so they can be told apart.
    id=f"{NAME}/{own}" if own else base.problem_id(NAME, found.problem),
    task=name,
    prompt=found.problem,
    answer=answer,
    meta={
      **found.extra,
      "subject": found.subject or found.type,
      "level": level,
    },
  )
  yield base.SolvedProblem(problem, base.reference_solution(problem, cut.steps))


def make(config: Config = Config()) -> base.Format[base.SolvedProblem]:
  """The reader of MATH with these options."""
  return _format(NAME, NOTE, config)


def make_500(config: Config = Config()) -> base.Format[base.SolvedProblem]:
  """The reader of MATH-500 with these options."""
  return _format(NAME_500, NOTE_500, config)


def _format(
  name: str, note: base.Note, config: Config
) -> base.Format[base.SolvedProblem]:
  return base.Format(
    name,
    base.SolvedProblem,
    functools.partial(parse, config=config, name=name),
    note,
    solved=base.itself,
  )
