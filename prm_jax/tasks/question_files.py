"""JSON lines with questions, and files of solved problems in two splits."""

import json
import pathlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

from prm_jax import errors
from prm_jax.tasks import base

Row: TypeAlias = Mapping[str, Any]
FIELD = "task.problems"


class Solved(NamedTuple):
  """A problem and the reference solution, None where there is none."""

  problem: base.Problem
  steps: list[str] | None


class Source(NamedTuple):
  """Where problems come from.

  Attributes:
    parse: row and its place -> the problem; raises UserError.
    told: how a user gets the files, for messages.
  """

  parse: Callable[[Row, str], Solved]
  told: str


def rows(path: str, field: str = FIELD) -> Iterator[tuple[str, Row]]:
  """(place, object) of every line that is not blank.

  Raises:
    UserError: names file and line: no such file, or not a JSON object.
  """
  text = _read(pathlib.Path(path).expanduser(), path, field)
  for number, line in enumerate(text.split("\n"), start=1):
    if line.strip():
      place = f"{path}:{number}"
      yield place, _object(line, place)


def without_repeats(problems: list[base.Problem], path: str) -> None:
  """UserError that names an id which stands there twice."""
  seen: set[str] = set()
  for problem in problems:
    if problem.id in seen:
      raise errors.UserError(f"{path}: id: {problem.id!r} stands there twice")
    seen.add(problem.id)


def read(path: str, split: base.Split, source: Source) -> list[Solved]:
  """The problems of a split.

  A file is the test split. A folder holds `test.jsonl` and `train.jsonl`, or
  folders `test` and `train` with a JSON file per problem; the hash of a
  training problem says whether it is in the training or validation split.

  Raises:
    UserError: names the file and line, or how to get the files.
  """
  if not path:
    raise errors.UserError(f"{FIELD}: no file given: {source.told}")
  place = pathlib.Path(path).expanduser()
  if place.is_file():
    if split != "test":
      raise errors.UserError(
        f"{path}: a file is the test split (field {FIELD}), the {split} "
        f"split needs a folder with train.jsonl: {source.told}"
      )
    found = list(rows(path))
  elif place.is_dir():
    found = _of_folder(place, "test" if split == "test" else "train", source)
  else:
    raise errors.UserError(f"{path}: no such file (field {FIELD})")
  solved = [_parsed(source, row, where) for where, row in found]
  without_repeats([one.problem for one in solved], path)
  if not solved:
    raise errors.UserError(f"{path}: holds no problem (field {FIELD})")
  if split == "test":
    return solved
  return [one for one in solved if _train_split(one.problem.id) == split]


def text_of(row: Row, name: str, place: str) -> str:
  """The field; UserError unless it is a text that is not empty."""
  value = row.get(name)
  if not isinstance(value, str) or not value.strip():
    raise errors.UserError(f"{place}: {name}: must be a text, not empty")
  return value


def _parsed(source: Source, row: Row, place: str) -> Solved:
  if row.get("record") == "problem":  # a file of this project
    meta = row.get("meta")
    problem = base.Problem(
      id=text_of(row, "id", place),
      task=text_of(row, "task", place),
      prompt=text_of(row, "prompt", place),
      answer=text_of(row, "answer", place),
      meta=meta if isinstance(meta, Mapping) else {},
    )
    return Solved(problem, None)
  return source.parse(row, place)


def _train_split(name: str) -> base.Split:
  share = base.TRAIN_SHARE / (base.TRAIN_SHARE + base.VALIDATION_SHARE)
  return "train" if base.hash_key(name) < share else "validation"


def _of_folder(
  folder: pathlib.Path, split: str, source: Source
) -> list[tuple[str, Row]]:
  lines, files = folder / f"{split}.jsonl", folder / split
  if lines.is_file():
    return list(rows(str(lines)))
  if files.is_dir():
    paths = sorted(files.rglob("*.json"))
    return [(str(p), _object(_read(p, str(p), FIELD), str(p))) for p in paths]
  raise errors.UserError(
    f"{folder}: neither {split}.jsonl nor {split}/ (field {FIELD}): "
    f"{source.told}"
  )


def _object(text: str, place: str) -> Row:
  try:
    value = json.loads(text)
  except ValueError as error:
    raise errors.UserError(f"{place}: not JSON ({error})") from None
  if not isinstance(value, Mapping):
    raise errors.UserError(f"{place}: not a JSON object")
  return value


def _read(place: pathlib.Path, path: str, field: str) -> str:
  try:
    return place.read_text(encoding="utf-8")
  except FileNotFoundError:
    raise errors.UserError(f"{path}: no such file (field {field})") from None
  except (OSError, UnicodeDecodeError) as error:
    raise errors.UserError(f"{path}: cannot be read ({error})") from None
