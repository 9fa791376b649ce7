"""ProcessBench (arXiv 2412.06559): the earliest wrong step of a solution."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from prm_jax import errors
from prm_jax.data import fields, records
from prm_jax.data.formats import base

NAME = "process_bench"
# Erroneous and correct solutions of the published splits.
SPLITS = {
  "gsm8k": (207, 193),
  "math": (594, 406),
  "olympiadbench": (661, 339),
  "omnimath": (759, 241),
}
NOTE = base.Note(
  repository="Qwen/ProcessBench (data sets of the Hugging Face hub)",
  files="gsm8k.json, math.json, olympiadbench.json, omnimath.json",
  licence="see its card",
  citation="Zheng et al. 2024, arXiv 2412.06559",
  num_rows={name: sum(counts) for name, counts in SPLITS.items()},
)


@dataclasses.dataclass(frozen=True)
class Case:
  """One solution and its earliest error.

  Attributes:
    id: such as `gsm8k-0`.
    generator: the model that wrote the solution.
    problem: its text.
    steps: k texts.
    final_answer_correct: the answer may be right where a step is wrong.
    label: index of the earliest wrong step from 0, -1 where all are right.
    extra: further columns.
  """

  id: str
  generator: str
  problem: str
  steps: tuple[str, ...]
  final_answer_correct: bool
  label: int
  extra: Mapping[str, Any] = dataclasses.field(default_factory=dict)

  def __post_init__(self):
    if not -1 <= self.label < len(self.steps):
      raise errors.UserError(
        f"label: {self.label} with {len(self.steps)} steps"
      )

  @property
  def subset(self) -> str:
    """The split that the id begins with, such as `gsm8k`."""
    return self.id.rpartition("-")[0] or self.id


def to_problem(case: Case) -> records.Problem:
  return records.Problem(
    id=f"{NAME}/{case.id}", task=NAME, prompt=case.problem, answer=None
  )


def labelled(case: Case) -> Iterator[base.LabelledSolution]:
  """Step labels up to the earliest error."""
  if not case.steps:
    return
  none = (0,) * len(case.steps)
  labels = records.StepLabels(
    problem_id=f"{NAME}/{case.id}",
    n_correct=none,
    n_total=none,
    completer="",
    steps=case.steps,
    hard=base.until_first_error(case.label, len(case.steps)),
    first_error=case.label,
    extra={"generator": case.generator},
  )
  yield base.LabelledSolution(to_problem(case), labels)


def solved(case: Case) -> Iterator[base.SolvedProblem]:
  """The solution, judged by its final answer."""
  solution = records.Solution(
    problem_id=f"{NAME}/{case.id}",
    steps=case.steps,
    correct=case.final_answer_correct,
    source=case.generator,
  )
  yield base.SolvedProblem(to_problem(case), solution)


def parse(row: base.Row, place: str, told: base.Told) -> Iterator[Case]:
  """The case of a row; steps stay as they are, for the label counts them."""
  del place, told
  yield fields.decode_dataclass(row, Case)


FORMAT = base.Format(NAME, Case, parse, NOTE, labelled, solved)
