"""Problems to be solved, from JSON lines of records or of questions."""

import json
import pathlib
from typing import NamedTuple

from prm_jax import errors
from prm_jax.data import records
from prm_jax.tasks import base as tasks

_QUESTIONS = ("question", "problem", "prompt")


class Read(NamedTuple):
  """What a file holds.

  Attributes:
    items: lines, from 1, and their problems.
    bad: a message per line that is none.
    others: lines with records of other kinds, such as solutions.
  """

  items: list[tuple[int, tasks.Problem]]
  bad: list[str]
  others: int


def read(path: str, skip_bad: bool = False) -> Read:
  """Reads `problem` records, or objects with a question and its answer.

  A question has an `id`, or that of its line. Records of other kinds are
  counted.

  Args:
    path: JSON lines.
    skip_bad: collect messages about bad lines instead of stopping.

  Raises:
    UserError: names file, line and field; or the file holds no problem.
  """
  file = pathlib.Path(path)
  try:
    lines = file.read_text(encoding="utf-8").splitlines()
  except (OSError, UnicodeDecodeError) as error:
    raise errors.UserError(f"{file}: cannot be read ({error})") from error
  items: dict[str, tuple[int, tasks.Problem]] = {}
  bad, others = [], 0
  for number, line in enumerate(lines, start=1):
    if not line.strip():
      continue
    try:
      problem = _problem(line, number)
      if problem is not None and problem.id in items:
        raise errors.UserError(
          f"id: {problem.id!r} is in line {items[problem.id][0]}, too"
        )
    except errors.UserError as error:
      bad.append(f"{file}:{number}: {error}")
      if not skip_bad:
        raise errors.UserError(bad[-1]) from error
      continue
    if problem is None:
      others += 1
    else:
      items[problem.id] = (number, problem)
  if not items:
    told = f"; {bad[0]}" if bad else ""
    raise errors.UserError(f"{file}: holds no problem{told}")
  return Read(list(items.values()), bad, others)


def _problem(line: str, number: int) -> tasks.Problem | None:
  """The problem of a line; None for a record of another kind."""
  try:
    row = json.loads(line)
  except ValueError as error:
    raise errors.UserError(f"not JSON ({error})") from error
  if not isinstance(row, dict):
    raise errors.UserError("not a JSON object")
  if row.get("record", "problem") != "problem":
    return None
  if "record" in row or {"id", "task", "prompt"} <= set(row):
    return records.from_json(line, records.Problem)
  found = [row[name] for name in _QUESTIONS if row.get(name) is not None]
  if not found:
    raise errors.UserError(f"question: missing, as are {_QUESTIONS[1:]}")
  if not isinstance(found[0], str) or not found[0].strip():
    raise errors.UserError(f"question: {found[0]!r} is not a text")
  answer = row.get("answer")
  return tasks.Problem(
    id=str(row.get("id", f"line {number}")),
    task="",
    prompt=found[0],
    answer=None if answer is None else str(answer),
  )
