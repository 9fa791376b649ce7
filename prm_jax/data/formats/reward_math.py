"""RewardMATH (arXiv 2410.01729): one right solution against nine wrong."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, NamedTuple

from prm_jax import errors
from prm_jax.data import fields, records
from prm_jax.data.formats import base

NAME = "reward_math"
NUM_REJECTED = 9
NOTE = base.Note(
  repository="RewardMATH/RewardMATH (data sets of the Hugging Face hub)",
  files="RewardMATH_direct.json",
  licence="MIT",
  citation="Kim et al. 2024, arXiv 2410.01729",
  num_rows={"direct": 4830},
)


@dataclasses.dataclass(frozen=True)
class Case:
  """One solution of the flat file.

  Attributes:
    id: of the row.
    problem_id: shared by the solutions of one problem.
    problem: its text.
    answer: reference answer.
    eval_solution: steps of the solution.
    solution_type: the right one is `chosen`.
    solution_reference: the model that wrote it.
    subject: of MATH.
    level: 1..5.
    extra: further columns.
  """

  id: int
  problem_id: int
  problem: str
  answer: str
  eval_solution: tuple[str, ...]
  solution_type: Literal["chosen", "rejected"]
  solution_reference: str = ""
  subject: str = ""
  level: int = 0
  extra: Mapping[str, Any] = dataclasses.field(default_factory=dict)


class Group(NamedTuple):
  """The solutions of one problem."""

  chosen: Case
  rejected: tuple[Case, ...]


def groups(cases: Iterable[Case]) -> list[Group]:
  """Cases by problem, in order of appearance.

  Raises:
    UserError: a problem without exactly one chosen, or without a rejected
      solution.
  """
  by_problem: dict[int, list[Case]] = {}
  for case in cases:
    by_problem.setdefault(case.problem_id, []).append(case)
  found = []
  for number, members in by_problem.items():
    chosen = [c for c in members if c.solution_type == "chosen"]
    rejected = tuple(c for c in members if c.solution_type == "rejected")
    if len(chosen) != 1 or not rejected:
      raise errors.UserError(
        f"problem_id {number}: {len(chosen)} chosen and {len(rejected)} "
        "rejected solutions, expected one and some"
      )
    found.append(Group(chosen[0], rejected))
  return found


def to_problem(case: Case) -> records.Problem:
  return records.Problem(
    id=f"{NAME}/{case.problem_id}",
    task=NAME,
    prompt=case.problem,
    answer=case.answer,
    meta={"subject": case.subject, "level": case.level},
  )


def solved(case: Case) -> Iterator[base.SolvedProblem]:
  """The solution; the chosen one alone is right."""
  solution = records.Solution(
    problem_id=f"{NAME}/{case.problem_id}",
    steps=case.eval_solution,
    correct=case.solution_type == "chosen",
    source=case.solution_reference,
  )
  yield base.SolvedProblem(to_problem(case), solution)


def parse(row: base.Row, place: str, told: base.Told) -> Iterator[Case]:
  """The case of a row."""
  del place, told
  yield fields.decode_dataclass(row, Case)


FORMAT = base.Format(NAME, Case, parse, NOTE, solved=solved)
