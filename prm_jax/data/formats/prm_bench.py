"""PRMBench (arXiv 2501.03124): solutions with errors of known kinds."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from prm_jax.data import fields, records
from prm_jax.data.formats import base

NAME = "prm_bench"
# Spelled as in the file. The originals of the first serve as right samples.
REDUNDANCY = "redundency"
CORRECT = "correct"
CATEGORIES = {
  "simplicity": (REDUNDANCY, "circular"),
  "soundness": (
    "counterfactual",
    "step_contradiction",
    "domain_inconsistency",
    "confidence",
  ),
  "sensitivity": ("missing_condition", "deception", "multi_solutions"),
}
NOTE = base.Note(
  repository="hitsmy/PRMBench_Preview (data sets of the Hugging Face hub)",
  files="prmbench_preview.jsonl",
  licence="Apache-2.0",
  citation="Song et al. 2025, arXiv 2501.03124",
  num_rows={"preview": 6216},
)


@dataclasses.dataclass(frozen=True)
class Case:
  """One problem with an error put into its solution.

  Attributes:
    idx: of the row.
    classification: kind of the error, see `CATEGORIES`.
    original_question: as it was.
    modified_question: the one that the modified solution answers.
    original_process: steps as they were.
    modified_process: k steps, some of them wrong.
    modified_steps: numbers of the changed steps, from 1.
    error_steps: numbers of the wrong steps, from 1.
    reason: why they are wrong.
    extra: further columns.
  """

  idx: str
  classification: str
  original_question: str
  modified_question: str
  original_process: tuple[str, ...]
  modified_process: tuple[str, ...]
  error_steps: tuple[int, ...] = ()
  modified_steps: tuple[int, ...] = ()
  reason: str | None = None
  extra: Mapping[str, Any] = dataclasses.field(default_factory=dict)

  @property
  def labels(self) -> tuple[bool, ...]:
    """[k] whether each step of the modified solution is right."""
    wrong = set(self.error_steps)
    return tuple(
      i not in wrong for i in range(1, len(self.modified_process) + 1)
    )

  @property
  def source_id(self) -> str:
    """Shared by the cases that were made of one original."""
    return self.idx.removeprefix(f"{self.classification}_")


def originals(case: Case) -> Case | None:
  """The right sample of a case of class `redundency`, None for others."""
  if case.classification != REDUNDANCY:
    return None
  return dataclasses.replace(
    case,
    idx=f"{CORRECT}_{case.source_id}",
    classification=CORRECT,
    modified_question=case.original_question,
    modified_process=case.original_process,
    modified_steps=(),
    error_steps=(),
    reason=None,
  )


def labelled(case: Case) -> Iterator[base.LabelledSolution]:
  """Labels of all steps of the modified solution, after errors as well."""
  if not case.modified_process:
    return
  name = f"{NAME}/{case.classification}/{case.source_id}"
  none = (0,) * len(case.modified_process)
  problem = records.Problem(
    id=name, task=NAME, prompt=case.modified_question, answer=None
  )
  labels = records.StepLabels(
    problem_id=name,
    n_correct=none,
    n_total=none,
    completer="",
    steps=case.modified_process,
    hard=tuple(int(right) for right in case.labels),
    extra={"classification": case.classification},
  )
  yield base.LabelledSolution(problem, labels)


def parse(row: base.Row, place: str, told: base.Told) -> Iterator[Case]:
  """The case of a row; numbers of steps that are not there are left out."""
  del place
  case = fields.decode_dataclass(row, Case)
  count = len(case.modified_process)
  inside = tuple(k for k in case.error_steps if 1 <= k <= count)
  if len(inside) < len(case.error_steps):
    outside = len(case.error_steps) - len(inside)
    told["error_steps beyond the solution, left out"] += outside
    case = dataclasses.replace(case, error_steps=inside)
  yield case


FORMAT = base.Format(NAME, Case, parse, NOTE, labelled)
