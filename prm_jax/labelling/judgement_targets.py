"""What a generative verifier should say of each step, as training examples."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from prm_jax import errors
from prm_jax.build import encoding
from prm_jax.data import examples as examples_lib
from prm_jax.data import records, step_values, transforms
from prm_jax.tasks import base as tasks
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
  """

  right: str = " Yes"
  wrong: str = " No"
  text: str = "{note}{verdict}"
  threshold: float = 0.5

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
    if label.problem_id not in problems:
      raise errors.UserError(
        f"{where}.problem_id: no problem {label.problem_id!r}"
      )
    if label.steps is None:
      raise errors.UserError(f"{where}.granularity: expected 'step'")
    values, supervised = step_values.values(label)
    notes = label.extra.get(NOTES) or [None] * len(label.steps)
    if len(notes) != len(label.steps):
      raise errors.UserError(
        f"{where}.extra.{NOTES}: {len(notes)} for {len(label.steps)} steps"
      )
    kept = np.flatnonzero(supervised & step_values.until_error(label))
    try:
      tokens = encode_fn(problems[label.problem_id].prompt, label.steps)
      said = [
        words_fn(_said(config, bool(values[k] > config.threshold), notes[k]))
        for k in kept
      ]
    except errors.UserError as error:
      raise errors.UserError(f"{where}.{error}") from error
    rows += [
      to_judgement(tokens, int(k), words)
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


def _said(config: JudgementConfig, is_right: bool, note: str | None) -> str:
  verdict = config.right if is_right else config.wrong
  return config.text.replace("{note}", note or "").replace("{verdict}", verdict)
