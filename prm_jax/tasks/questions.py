"""Questions of a user's own file, one JSON object per line.

The question stands in `question`, `problem` or `prompt`; the reference answer,
if there is one, in `answer` (of GSM8K's `... #### 18`, what is behind the
mark), a name in `id` or `unique_id`. Files of problem records are such files.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

from prm_jax import errors
from prm_jax.tasks import base, question_files, text_task

NAME = "questions"
_QUESTION = ("question", "problem", "prompt")
_ID = ("id", "unique_id")
_MARK = "####"


@dataclasses.dataclass(frozen=True)
class Config(text_task.Config):
  """Where the questions are, and more, see `text_task.Config`.

  Attributes:
    rules: the last number stands for an answer that is not marked.
  """

  rules: tuple[str, ...] = ("boxed", "hashes", "answer_is", "last_number")


class Questions(text_task.TextTask):
  """The task; there is no oracle, nor are there demonstrations."""

  name = NAME

  def __init__(self, config: Config = Config()):
    super().__init__(config)

  def problems(self, split: base.Split) -> Iterator[base.Problem]:
    """All of the file's, whatever the split."""
    del split
    return iter(read(self.config.problems, "task.problems"))


def read(path: str, field: str) -> list[base.Problem]:
  """All questions of a file.

  Raises:
    UserError: names file, line and what is wrong with it.
  """
  if not path:
    raise errors.UserError(f"{field}: no file given (--input FILE)")
  found = [
    _parse(row, place, number)
    for number, (place, row) in enumerate(
      question_files.rows(path, field), start=1
    )
  ]
  if not found:
    raise errors.UserError(f"{path}: holds no question (field {field})")
  question_files.without_repeats(found, path)
  return found


def _parse(value: question_files.Row, where: str, number: int) -> base.Problem:
  name = next((n for n in _QUESTION if n in value), None)
  if name is None:
    raise errors.UserError(
      f"{where}: none of the fields {', '.join(_QUESTION)}"
    )
  own = next((value[n] for n in _ID if n in value), None)
  return base.Problem(
    id=f"{NAME}/{number}" if own is None else str(own),
    task=str(value.get("task", NAME)),
    prompt=question_files.text_of(value, name, where),
    answer=_reference(value.get("answer"), where),
  )


def _reference(answer: Any, where: str) -> str | None:
  if answer is None:
    return None
  if isinstance(answer, bool) or not isinstance(answer, str | int | float):
    raise errors.UserError(f"{where}: answer: must be a text or a number")
  return str(answer).rpartition(_MARK)[2].strip()
