"""Problems to be solved, from JSON lines of records or of questions."""

from typing import Any, TypeAlias

from prm_jax import errors
from prm_jax.data import json_lines, records
from prm_jax.tasks import base as tasks

_QUESTIONS = ("question", "problem", "prompt")

# Lines, from 1, and their problems; other records may be solutions.
Read: TypeAlias = json_lines.Read[tuple[int, tasks.Problem]]


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
  line_of: dict[str, int] = {}

  def item(
    number: int, line: str, row: dict[str, Any]
  ) -> tuple[int, tasks.Problem] | None:
    problem = _problem(number, line, row)
    if problem is None:
      return None
    if problem.id in line_of:
      raise errors.UserError(
        f"id: {problem.id!r} is in line {line_of[problem.id]}, too"
      )
    line_of[problem.id] = number
    return number, problem

  return json_lines.read(path, "problem", item, skip_bad)


def _problem(
  number: int, line: str, row: dict[str, Any]
) -> tasks.Problem | None:
  """The problem of a line; None for a record of another kind."""
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
