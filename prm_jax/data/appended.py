"""Files of lines that a run adds to; a kill may leave half of a line."""

import json
import pathlib
from collections.abc import Sequence
from typing import Any, TypeVar

from prm_jax import errors
from prm_jax.data import records

RecordT = TypeVar("RecordT")


def whole_lines(path: pathlib.Path) -> list[bytes]:
  """Without a last line that is not at its end; none if there is no file."""
  text = path.read_bytes() if path.exists() else b""
  return text[: text.rfind(b"\n") + 1].splitlines(keepends=True)


def keep(path: pathlib.Path, lines: Sequence[bytes]) -> None:
  """Cuts the file off behind its first lines, which are given."""
  size = sum(map(len, lines))
  if path.exists() and path.stat().st_size > size:
    with path.open("r+b") as file:
      file.truncate(size)


def mend(path: pathlib.Path) -> None:
  """Cuts off what a kill has left of a last line."""
  keep(path, whole_lines(path))


def rows(path: pathlib.Path) -> list[dict[str, Any]]:
  """The whole lines' objects; UserError names a line that holds none."""
  found = []
  for number, line in enumerate(whole_lines(path), 1):
    try:
      row = json.loads(line)
    except ValueError as error:
      raise errors.UserError(f"{path}:{number}: not JSON ({error})") from error
    if not isinstance(row, dict):
      raise errors.UserError(f"{path}:{number}: not a JSON object")
    found.append(row)
  return found


def read(path: pathlib.Path, cls: type[RecordT]) -> list[RecordT]:
  """The whole lines' records; UserError names a line that is another."""
  found = []
  for number, line in enumerate(whole_lines(path), 1):
    try:
      found.append(records.from_json(line, cls))
    except errors.UserError as error:
      raise errors.UserError(f"{path}:{number}: {error}") from error
  return found
