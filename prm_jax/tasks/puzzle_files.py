"""Reads a user's own puzzles: one per line, numbers by blanks or commas."""

import pathlib
import re

from prm_jax import errors


def read_puzzles(
  path: str, field: str, num_numbers: int, smallest: int, largest: int
) -> list[tuple[int, ...]]:
  """The puzzles of a file, numbers ascending, in the order of the file.

  Empty lines and what follows a `#` are skipped.

  Raises:
    UserError: naming file, line and the config field, for a missing or empty
      file or a line that is not a puzzle.
  """
  try:
    text = pathlib.Path(path).expanduser().read_text(encoding="utf-8")
  except FileNotFoundError:
    raise errors.UserError(f"{path}: no such file (field {field})") from None
  except (OSError, UnicodeDecodeError) as error:
    raise errors.UserError(
      f"{path}: cannot be read (field {field}): {error}"
    ) from None
  puzzles = []
  for line_number, line in enumerate(text.splitlines(), start=1):
    words = re.split(r"[\s,]+", line.partition("#")[0].strip(" \t,"))
    if words == [""]:
      continue
    problem = _complaint(words, num_numbers, smallest, largest)
    if problem:
      raise errors.UserError(f"{path}:{line_number}: field {field}: {problem}")
    puzzles.append(tuple(sorted(map(int, words))))
  if not puzzles:
    raise errors.UserError(f"{path}: holds no puzzle (field {field})")
  return puzzles


def _complaint(
  words: list[str], num_numbers: int, smallest: int, largest: int
) -> str:
  """What is wrong with the words of a line, or ""."""
  for word in words:
    if not re.fullmatch(r"-?[0-9]{1,9}", word):
      return f"expected whole numbers, got {word[:40]!r}"
    if not smallest <= int(word) <= largest:
      return f"numbers must be {smallest} to {largest}, got {word}"
  if len(words) != num_numbers:
    return f"expected {num_numbers} numbers, got {len(words)}"
  return ""
