"""GSM8K (arXiv 2110.14168): grade-school problems with worked solutions."""

import dataclasses
import functools
from collections.abc import Iterator
from typing import Literal

from prm_jax.data import fields, records
from prm_jax.data.formats import base
from prm_jax.tasks import gsm8k as gsm8k_task
from prm_jax.text import segments

NAME = "gsm8k"
NOTE = base.Note(
  repository="openai/grade-school-math",
  files="grade_school_math/data/train.jsonl, test.jsonl",
  licence="MIT",
  citation="Cobbe et al. 2021, arXiv 2110.14168",
  num_rows={"train": 7473, "test": 1319},
  checksums={"train": "3126af3a699cc52d", "test": "0ef55b29d3b46320"},
)


@dataclasses.dataclass(frozen=True)
class Config:
  """How solutions are read.

  Attributes:
    calculator: `keep` or `remove` the spans `<<16-3-4=9>>`.
    steps: rule that cuts solutions, see `text.segments.rule`.
  """

  calculator: Literal["keep", "remove"] = "keep"
  steps: str = "newline"


@dataclasses.dataclass(frozen=True)
class _Row:
  question: str
  answer: str
  extra: base.Row = dataclasses.field(default_factory=dict)


def parse(
  row: base.Row, place: str, told: base.Told, config: Config
) -> Iterator[base.SolvedProblem]:
  """The problem of a row, and its solution."""
  del place
  found = fields.decode_dataclass(row, _Row)
  working, answer = gsm8k_task.split_answer(found.answer)
  if config.calculator == "remove":
    working = gsm8k_task.without_calculator(working)
  cut = segments.split(working, config.steps)
  if cut.num_empty:
    told["empty steps, left out"] += cut.num_empty
  problem = records.Problem(
    id=base.problem_id(NAME, found.question),
    task=NAME,
    prompt=found.question,
    answer=answer,
    meta=found.extra,
  )
  yield base.SolvedProblem(problem, base.reference_solution(problem, cut.steps))


def make(config: Config = Config()) -> base.Format[base.SolvedProblem]:
  """The reader with these options."""
  return base.Format(
    NAME,
    base.SolvedProblem,
    functools.partial(parse, config=config),
    NOTE,
    solved=base.itself,
  )
