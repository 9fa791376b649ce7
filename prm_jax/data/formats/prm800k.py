"""PRM800K (arXiv 2305.20050): human ratings of steps and of alternatives.

A line is one solution as it was labelled. At every step some completions are
rated -1, 0 or 1, and one of them, or what the labeller wrote, is gone on from.
"""

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from typing import Literal

from prm_jax import errors
from prm_jax.data import fields, records
from prm_jax.data.formats import base

NAME = "prm800k"
HUMAN = 1  # rating of what a labeller wrote
NOTE = base.Note(
  repository="openai/prm800k",
  files="prm800k/data/phase1_train.jsonl, phase1_test.jsonl, "
  "phase2_train.jsonl, phase2_test.jsonl (by git LFS)",
  licence="MIT",
  citation="Lightman et al. 2023, arXiv 2305.20050",
)


@dataclasses.dataclass(frozen=True)
class Config:
  """What becomes a labelled solution.

  Attributes:
    neutral: what a rating of 0 is: `correct` (the authors and Qwen), `wrong`
      (TRL), or `drop`: such a step is in the solution and has no label.
    rows: `alternatives`, one solution for each completion that was not gone
      on from, and one for the path (TRL); `trajectory`, the path alone, up
      to the first completion where it stopped.
    screening: what becomes of rows that checked the labellers.
  """

  neutral: Literal["correct", "wrong", "drop"] = "correct"
  rows: Literal["alternatives", "trajectory"] = "alternatives"
  screening: Literal["drop", "keep"] = "drop"


@dataclasses.dataclass(frozen=True)
class Completion:
  """A step that was offered.

  Attributes:
    text: of the step.
    rating: -1, 0, 1, or null where it was not rated.
    extra: further fields, such as `flagged`.
  """

  text: str
  rating: int | None = None
  extra: base.Row = dataclasses.field(default_factory=dict)

  def __post_init__(self):
    if self.rating not in (-1, 0, 1, None):
      raise errors.UserError(f"rating: {self.rating} is none of -1, 0, 1, null")


@dataclasses.dataclass(frozen=True)
class Step:
  """What was offered and chosen at one step."""

  completions: tuple[Completion, ...] | None = None
  human_completion: Completion | str | None = None
  chosen_completion: int | None = None
  extra: base.Row = dataclasses.field(default_factory=dict)

  def __post_init__(self):
    count = len(self.completions or ())
    chosen = self.chosen_completion
    if chosen is not None and not 0 <= chosen < count:
      raise errors.UserError(
        f"chosen_completion: {chosen} with {count} completions"
      )

  @property
  def next(self) -> Completion | None:
    """What was gone on from; None where labelling stopped."""
    if self.chosen_completion is not None:
      return (self.completions or ())[self.chosen_completion]
    if isinstance(self.human_completion, str):
      return Completion(self.human_completion, HUMAN)
    if self.human_completion is not None:
      return dataclasses.replace(self.human_completion, rating=HUMAN)
    return None


@dataclasses.dataclass(frozen=True)
class _Question:
  problem: str
  ground_truth_answer: str | None = None
  extra: base.Row = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class _Label:
  steps: tuple[Step, ...]
  finish_reason: str | None = None
  extra: base.Row = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class _Row:
  question: _Question
  label: _Label
  generation: int | None = None
  is_quality_control_question: bool = False
  is_initial_screening_question: bool = False
  extra: base.Row = dataclasses.field(default_factory=dict)


def paths(
  steps: Sequence[Step], rows: Literal["alternatives", "trajectory"]
) -> list[tuple[Completion, ...]]:
  """The solutions that a row labels, see `Config.rows`; none is empty."""
  path: list[Completion] = []
  found: list[tuple[Completion, ...]] = []
  for step in steps:
    offered = step.completions or ()
    if rows == "alternatives":
      found += [
        (*path, other)
        for index, other in enumerate(offered)
        if index != step.chosen_completion
      ]
    if step.next is None:  # labelling stopped here
      path += offered[:1] if rows == "trajectory" else ()
      break
    path.append(step.next)
  return [*found, tuple(path)] if path else found


def to_labels(
  problem_id: str,
  path: Sequence[Completion],
  neutral: Literal["correct", "wrong", "drop"],
) -> records.StepLabels:
  """Ratings as they are, and classes; none after the first rating of -1."""
  classes = {
    1: 1,
    0: {"correct": 1, "wrong": 0, "drop": None}[neutral],
    -1: 0,
    None: None,
  }
  ratings = tuple(one.rating for one in path)
  none = (0,) * len(path)
  return records.StepLabels(
    problem_id=problem_id,
    n_correct=none,
    n_total=none,
    completer="",
    steps=tuple(one.text for one in path),
    hard=tuple(classes[rating] for rating in ratings),
    human=ratings,
    first_error=ratings.index(-1) if -1 in ratings else -1,
  )


def parse(
  row: base.Row, place: str, told: base.Told, config: Config
) -> Iterator[base.LabelledSolution]:
  """The labelled solutions of a row."""
  del place
  found = fields.decode_dataclass(row, _Row)
  if config.screening == "drop":
    for why, drop in (
      ("quality control rows, left out", found.is_quality_control_question),
      ("screening rows, left out", found.is_initial_screening_question),
    ):
      if drop:
        told[why] += 1
        return
  question = found.question
  problem = records.Problem(
    id=base.problem_id(NAME, question.problem),
    task=NAME,
    prompt=question.problem,
    answer=question.ground_truth_answer,
  )
  solutions = paths(found.label.steps, config.rows)
  if not solutions:
    told["rows without a labelled step, left out"] += 1
  for path in solutions:
    kept = [one for one in path if one.text.strip()]
    told["empty steps, left out"] += len(path) - len(kept)
    told["steps without a rating, not supervised"] += sum(
      one.rating is None for one in kept
    )
    if kept:
      yield base.LabelledSolution(
        problem, to_labels(problem.id, kept, config.neutral)
      )


def make(config: Config = Config()) -> base.Format[base.LabelledSolution]:
  """The reader with these options."""
  return base.Format(
    NAME,
    base.LabelledSolution,
    functools.partial(parse, config=config),
    NOTE,
    labelled=base.itself,
  )
