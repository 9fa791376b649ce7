"""What a generative verifier should say of each step, as training examples."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np

from prm_jax import errors
from prm_jax.build import encoding
from prm_jax.data import examples as examples_lib
from prm_jax.data import records, sources, step_values, transforms
from prm_jax.solvers import judgements
from prm_jax.tasks import base as tasks
from prm_jax.tasks import calculators
from prm_jax.text import steps as steps_lib

NOTES = "notes"  # of a record's `extra`: a rationale per step, or null


@dataclasses.dataclass(frozen=True)
class JudgementConfig:
  """Words behind a step's end.

  Attributes:
    right: the verdict on a right step.
    wrong: on a wrong one.
    text: what is said; `{note}` is the step's rationale, `{verdict}` the
      verdict. Without a rationale the verdict alone is said, and its
      probability right behind a step's end is the step's score.
    threshold: labels above it are right.
    note: where rationales come from: "record", the record's own; "calculation",
      what stands before the step's "=" and what the task's exact calculator
      makes of it, as the calculator answers when the verifier writes.
  """

  right: str = " Yes"
  wrong: str = " No"
  text: str = "{note}{verdict}"
  threshold: float = 0.5
  note: Literal["record", "calculation"] = "record"

  def __post_init__(self):
    if "{verdict}" not in self.text:
      raise errors.UserError("judgement.text: has no {verdict}")
    if self.right == self.wrong:
      raise errors.UserError("judgement.right: is the same as wrong")


def from_labels(
  encode_fn: encoding.EncodeFn,
  words_fn: Callable[[str], Sequence[int]],
  problems: Mapping[str, tasks.Problem],
  labels: Sequence[records.StepLabels],
  config: JudgementConfig,
) -> examples_lib.Examples:
  """One example per labelled step up to the first wrong one.

  Tokens up to the step's end are given, those of the judgement are predicted;
  the first of them at the very place where a verifier is read.

  Args:
    encode_fn: of prompt and steps.
    words_fn: tokens of a judgement.
    problems: by id.
    labels: of these problems.
    config: what is said.
  """
  rows, groups = [], []
  group_of = {name: i for i, name in enumerate(problems)}
  for index, label in enumerate(labels):
    where = f"labels[{index}]"
    problem = sources.problem_of(
      problems, label.problem_id, f"{where}.problem_id"
    )
    if label.steps is None:
      raise errors.UserError(f"{where}.granularity: expected 'step'")
    values, supervised = step_values.values(label)
    notes = _notes(config, problem, label, where)
    read = supervised & step_values.until_error(label)
    kept = np.flatnonzero(read).tolist()
    try:
      tokens = encode_fn(problem.prompt, label.steps)
      said = [
        _words(config, words_fn, bool(values[k] > config.threshold), notes[k])
        for k in kept
      ]
    except errors.UserError as error:
      raise errors.UserError(f"{where}.{error}") from error
    rows += [
      to_judgement(tokens, k, words)
      for k, words in zip(kept, said, strict=True)
    ]
    groups += [group_of[label.problem_id]] * len(kept)
  return examples_lib.from_dicts(rows, groups=groups)


def to_judgement(
  solution: steps_lib.EncodedSolution, step: int, words: Sequence[int]
) -> transforms.Example:
  """The solution up to a step's end, and what is then said.

  Returns:
    int32 `tokens`, `targets` and float32 `weights`; the target at the step's
    end is the first word.

  Raises:
    UserError: nothing is said.
  """
  if not len(words):
    raise errors.UserError("judgement: has no token")
  end = int(solution.step_end[step]) + 1
  whole = np.concatenate([solution.tokens[:end], np.asarray(words, np.int32)])
  judged = steps_lib.EncodedSolution(
    whole.astype(np.int32), end, np.array([len(whole) - 1], np.int32)
  )
  return transforms.to_sft(judged)


def _notes(
  config: JudgementConfig,
  problem: tasks.Problem,
  label: records.StepLabels,
  where: str,
) -> Sequence[str | None]:
  """A rationale per step, or None."""
  assert label.steps is not None  # checked
  if config.note == "calculation":
    return [_calculation(problem, step) for step in label.steps]
  notes = label.extra.get(NOTES) or [None] * len(label.steps)
  if len(notes) != len(label.steps):
    raise errors.UserError(
      f"{where}.extra.{NOTES}: {len(notes)} for {len(label.steps)} steps"
    )
  return notes


def _calculation(problem: tasks.Problem, step: str) -> str | None:
  """`3 + 4 = 7 ; ` of a step `3 + 4 = 8`; None where it has no such form."""
  asked = step.partition(judgements.ASKS)[0].strip()
  found = calculators.answer(problem, asked)
  if found is None:
    return None
  return f"{asked} {judgements.ASKS} {found} {judgements.PARTS} "


def _words(
  config: JudgementConfig,
  words_fn: Callable[[str], Sequence[int]],
  is_right: bool,
  note: str | None,
) -> Sequence[int]:
  """Tokens of a judgement.

  Raises:
    UserError: a rationale begins a verdict before its end.
  """
  verdict = config.right if is_right else config.wrong
  said = lambda own: words_fn(
    config.text.replace("{note}", note or "").replace("{verdict}", own)
  )
  whole = said(verdict)
  if note:
    ends = {words_fn(word)[0] for word in (config.right, config.wrong)}
    if ends & set(said("")):
      raise errors.UserError(
        f"judgement: the rationale {note!r} holds a verdict's first token"
      )
  return whole
