"""Questions of a user's own file, one JSON object per line.

The question stands in `question`, `problem` or `prompt`; the reference answer,
if there is one, in `answer` (of GSM8K's `... #### 18`, what is behind the
mark), a name in `id` or `unique_id`. Files of problem records are such files.
"""

import dataclasses
import json
import pathlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from prm_jax import errors
from prm_jax.tasks import base
from prm_jax.text import tokenizer

NAME = "questions"
_QUESTION = ("question", "problem", "prompt")
_ID = ("id", "unique_id")
_MARK = "####"


@dataclasses.dataclass(frozen=True)
class Config:
  """Where the questions are, and how long a solution may be.

  Attributes:
    problems: the file.
    max_steps: of a solution.
    max_step_tokens: of a step.
  """

  problems: str = ""
  max_steps: int = 40
  max_step_tokens: int = 256

  def __post_init__(self):
    for name in ("max_steps", "max_step_tokens"):
      if getattr(self, name) < 1:
        raise errors.UserError(f"task.{name}: must be at least 1")


class Questions:
  """The task; there is no oracle, nor are there demonstrations."""

  name = NAME

  def __init__(self, config: Config = Config()):
    self.config = config
    self.max_steps = config.max_steps
    self.max_step_tokens = config.max_step_tokens

  def tokenizer(self) -> tokenizer.Tokenizer:
    raise errors.UserError(
      f"task.name: {NAME!r} has no tokenizer of its own: start from a "
      "checkpoint"
    )

  def problems(self, split: base.Split) -> Iterator[base.Problem]:
    """All of the file's, whatever the split."""
    del split
    return iter(read(self.config.problems, "task.problems"))

  def verify(self, problem: base.Problem, steps: Sequence[str]) -> base.Verdict:
    """Compares the last answer given; one that cannot be compared is wrong."""
    answer = extract("\n\n".join(steps))
    if answer is None:
      return base.Verdict(False, None, "gives no answer")
    if problem.answer is None:
      return base.Verdict(False, answer, "there is no reference answer")
    correct = _plain(answer) == _plain(problem.answer)
    reason = "" if correct else f"the answer is {problem.answer}, not {answer}"
    return base.Verdict(correct, answer, reason)

  def oracle(
    self, problem: base.Problem, steps: Sequence[str]
  ) -> base.StepTruth:
    raise errors.UserError(f"task.name: {NAME!r} has no oracle")

  def value(self, problem: base.Problem, steps: Sequence[str]) -> float:
    raise errors.UserError(f"task.name: {NAME!r} has no exact values")

  def demonstrations(
    self, problem: base.Problem, rng: np.random.Generator, num: int
  ) -> list[list[str]]:
    raise errors.UserError(f"task.name: {NAME!r} has no demonstrations")


def read(path: str, field: str) -> list[base.Problem]:
  """All questions of a file.

  Raises:
    UserError: names file, line and what is wrong with it.
  """
  if not path:
    raise errors.UserError(f"{field}: no file given (--input FILE)")
  try:
    text = pathlib.Path(path).expanduser().read_text(encoding="utf-8")
  except FileNotFoundError:
    raise errors.UserError(f"{path}: no such file (field {field})") from None
  except (OSError, UnicodeDecodeError) as error:
    raise errors.UserError(f"{path}: cannot be read ({error})") from None
  found = [
    _parse(line, f"{path}:{number}", number)
    for number, line in enumerate(text.splitlines(), start=1)
    if line.strip()
  ]
  if not found:
    raise errors.UserError(f"{path}: holds no question (field {field})")
  seen: set[str] = set()
  for problem in found:
    if problem.id in seen:
      raise errors.UserError(f"{path}: id: {problem.id!r} stands there twice")
    seen.add(problem.id)
  return found


def _parse(line: str, where: str, number: int) -> base.Problem:
  try:
    value = json.loads(line)
  except ValueError as error:
    raise errors.UserError(f"{where}: not JSON ({error})") from None
  if not isinstance(value, Mapping):
    raise errors.UserError(f"{where}: not a JSON object")
  name = next((n for n in _QUESTION if n in value), None)
  if name is None:
    raise errors.UserError(
      f"{where}: none of the fields {', '.join(_QUESTION)}"
    )
  question = value[name]
  if not isinstance(question, str) or not question.strip():
    raise errors.UserError(f"{where}: {name}: must be a text, not empty")
  own = next((value[n] for n in _ID if n in value), None)
  return base.Problem(
    id=f"{NAME}/{number}" if own is None else str(own),
    task=str(value.get("task", NAME)),
    prompt=question,
    answer=_reference(value.get("answer"), where),
  )


def _reference(answer: Any, where: str) -> str | None:
  if answer is None:
    return None
  if isinstance(answer, bool) or not isinstance(answer, str | int | float):
    raise errors.UserError(f"{where}: answer: must be a text or a number")
  return str(answer).rpartition(_MARK)[2].strip()


_BOXED = "\\boxed{"
_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?(?:/\d+)?")


def extract(text: str) -> str | None:
  """The last boxed answer, else the last number; None if there is neither."""
  start = text.rfind(_BOXED)
  if start >= 0:
    return _until_closed(text[start + len(_BOXED) :])
  numbers = _NUMBER.findall(text)
  return numbers[-1] if numbers else None


def _until_closed(text: str) -> str | None:
  depth = 1
  for place, character in enumerate(text):
    depth += {"{": 1, "}": -1}.get(character, 0)
    if not depth:
      return text[:place].strip() or None
  return None


def _plain(answer: str) -> str:
  return answer.replace(",", "").replace("$", "").replace(" ", "")
