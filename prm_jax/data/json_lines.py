"""Lines of JSON that people wrote: those that are bad are named."""

import dataclasses
import json
import os
import pathlib
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from prm_jax import errors

ItemT = TypeVar("ItemT")


@dataclasses.dataclass(frozen=True)
class Read(Generic[ItemT]):
  """What a file holds.

  Attributes:
    items: what its lines say.
    bad: a message per line that could not be read.
    others: lines that say something else, see `read`.
  """

  items: list[ItemT]
  bad: list[str]
  others: int = 0


def read(
  path: str | os.PathLike,
  kind: str,
  item_fn: Callable[[int, str, dict[str, Any]], ItemT | None],
  skip_bad: bool = False,
) -> Read[ItemT]:
  """Reads the lines of a file that are not empty.

  Args:
    path: JSON lines.
    kind: of its items, for messages.
    item_fn: `(number from 1, line, its object) -> item`, None for a line that
      says something else; a UserError names the field that is wrong.
    skip_bad: collect messages about bad lines instead of stopping.

  Raises:
    UserError: names file, line and field; or the file holds no item.
  """
  file = pathlib.Path(path)
  try:
    # Not `splitlines`: strings may hold U+2028 and its like as they are.
    lines = file.read_text(encoding="utf-8").split("\n")
  except (OSError, UnicodeDecodeError) as error:
    raise errors.UserError(f"{file}: cannot be read ({error})") from error
  items, bad, others = [], [], 0
  for number, line in enumerate(lines, start=1):
    if not line.strip():
      continue
    try:
      item = item_fn(number, line, _object(line))
    except errors.UserError as error:
      bad.append(f"{file}:{number}: {error}")
      if not skip_bad:
        raise errors.UserError(bad[-1]) from error
      continue
    if item is None:
      others += 1
    else:
      items.append(item)
  if not items:
    told = f"; {bad[0]}" if bad else ""
    raise errors.UserError(f"{file}: holds no {kind}{told}")
  return Read(items, bad, others)


def _object(line: str) -> dict[str, Any]:
  try:
    row = json.loads(line)
  except ValueError as error:
    raise errors.UserError(f"not JSON ({error})") from error
  if not isinstance(row, dict):
    raise errors.UserError("not a JSON object")
  return row
