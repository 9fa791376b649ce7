"""Solutions to be scored, from JSON lines of several shapes.

A line has its problem beside its steps, or names it; what it holds tells the
shape, see `read`. Bad lines are named, all of them where they are skipped.
"""

import dataclasses
import functools
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from prm_jax import errors
from prm_jax.data import json_lines, records
from prm_jax.tasks import base as tasks

_QUESTIONS = ("question", "problem", "prompt", "input", "instruction")
_LISTS = ("steps", "completions")
_TEXTS = ("response", "answer", "solution", "output", "completion", "text")
_ANNOTATION = re.compile(r"<<[^<>]*>>")  # calculator's notes in GSM8K
_ANSWER_MARK = "####"


@dataclasses.dataclass(frozen=True)
class Item:
  """One solution of a file.

  Attributes:
    line: its number, from 1.
    problem: what it solves.
    steps: as the file has them, or as the text was cut.
  """

  line: int
  problem: tasks.Problem
  steps: tuple[str, ...]


def read(
  path: str | pathlib.Path,
  split: str,
  skip_bad: bool = False,
  problems: Mapping[str, tasks.Problem] | None = None,
) -> json_lines.Read[Item]:
  """Reads a file of solutions.

  Shapes of a line: records of `data.records` (a `problem` line before the
  `solution` lines that name it); a question with a list of steps under
  `steps` or `completions`; a question with a whole text under `response`,
  `answer`, ..., cut at `split`. Where there is a list, `answer` is the
  reference. A text with GSM8K's `####` is cut at line
  ends, and the calculator's notes in `<<...>>` are left out.

  Args:
    path: JSON lines.
    split: text between steps.
    skip_bad: collect messages about bad lines instead of stopping.
    problems: by id, that `solution` lines may name beside the file's own.

  Raises:
    UserError: names file, line and field; or the file holds no solution.
  """
  known = dict(problems or {})
  return json_lines.read(
    path, "solution", functools.partial(_item, split, known), skip_bad
  )


def _item(
  split: str,
  problems: dict[str, tasks.Problem],
  number: int,
  line: str,
  row: dict[str, Any],
) -> Item | None:
  """The solution of a line; None where it tells a problem alone."""
  kind = row.get("record")
  if kind == "problem":
    problem = records.from_json(line, records.Problem)
    problems[problem.id] = problem
    return None
  if kind == "solution":
    solution = records.from_json(line, records.Solution)
    if solution.problem_id not in problems:
      raise errors.UserError(
        f"problem_id: no line before is problem {solution.problem_id!r}"
      )
    return Item(number, problems[solution.problem_id], solution.steps)
  if kind is not None:
    raise errors.UserError(f"record: {kind!r} is not problem or solution")
  name, question = _first(row, _QUESTIONS)
  if not isinstance(question, str):
    raise errors.UserError(f"{name}: {question!r} is not a text")
  # A row's own name first: several may be of one problem.
  identity = row.get("id", row.get("problem_id", f"line {number}"))
  reference = row.get("answer") if _is_list(row) else None
  problem = tasks.Problem(
    str(identity), "", question, None if reference is None else str(reference)
  )
  return Item(number, problem, _steps(row, split))


def _is_list(row: Mapping[str, Any]) -> bool:
  return any(row.get(name) is not None for name in _LISTS)


def _steps(row: Mapping[str, Any], split: str) -> tuple[str, ...]:
  name, value = _first(row, (*_LISTS, *_TEXTS))
  if isinstance(value, str):
    return tuple(cut(value, split))
  if not isinstance(value, list) or not all(
    isinstance(step, str) for step in value
  ):
    raise errors.UserError(f"{name}: is neither a text nor a list of texts")
  return tuple(value)


def cut(text: str, split: str) -> list[str]:
  """The steps of a whole text; empty ones are no steps."""
  if _ANSWER_MARK in text:
    text, split = _ANNOTATION.sub("", text), "\n"
  return [step for step in text.split(split) if step.strip()]


def _first(row: Mapping[str, Any], names: Sequence[str]) -> tuple[str, Any]:
  for name in names:
    if row.get(name) is not None:
      return name, row[name]
  raise errors.UserError(f"{names[0]}: missing, and none of {names[1:]}")
