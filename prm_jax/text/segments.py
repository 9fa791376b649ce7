"""Texts cut into steps by rules, so that they can be put together again.

What lies between two steps is kept beside them: `join(split(text, rule))` is
the text, byte for byte, for every text and rule. A piece of white space is no
step; it becomes part of the gap and is counted, so empty steps are gone before
anything is labelled.
"""

import functools
import re
from collections.abc import Sequence
from typing import NamedTuple

from prm_jax import errors

# Rules by name; prefixes make further ones.
PATTERNS = {
  "blank_line": r"\n(?:[^\S\n]*\n)+",
  "newline": r"\n",
  # Markers belong to the step they begin.
  "step_marker": r"(?:^|\n)\s*(?=(?:[Ss]tep|STEP)\s*\d+\s*[:.])",
}
REGEX, TAG, PAIR = "regex:", "tag:", "pair:"


class Segments(NamedTuple):
  """A text in pieces.

  Attributes:
    steps: k texts, none of them blank.
    gaps: k + 1 texts: before the first step, between steps, after the last.
    num_empty: blank pieces that the rule gave; they are parts of gaps.
  """

  steps: tuple[str, ...]
  gaps: tuple[str, ...]
  num_empty: int

  @property
  def spans(self) -> list[tuple[int, int]]:
    """(start, end) of each step in the text."""
    found, place = [], 0
    for gap, step in zip(self.gaps, self.steps, strict=False):
      start = place + len(gap)
      place = start + len(step)
      found.append((start, place))
    return found


def join(segments: Segments) -> str:
  """The text that was split."""
  pairs = zip(segments.gaps, (*segments.steps, ""), strict=True)
  return "".join(gap + step for gap, step in pairs)


@functools.cache
def rule(name: str) -> re.Pattern[str]:
  """The delimiter that a rule's name stands for.

  Args:
    name: one of `PATTERNS`; `regex:PATTERN`, whose matches lie between steps;
      `tag:TEXT`, such as `tag:</step>` or `tag:ки`: a literal at the end of
      steps, with the white space around it; or `pair:OPEN|CLOSE`, such as
      `pair:<step>|</step>`.

  Raises:
    UserError: another name, or a pattern that is none.
  """
  if name.startswith((TAG, PAIR)):
    return re.compile(_around_tags(name))
  if name.startswith(REGEX):
    try:
      return re.compile(name.removeprefix(REGEX))
    except re.error as error:
      raise errors.UserError(f"steps: {name!r}: no pattern: {error}") from None
  if name not in PATTERNS:
    raise errors.UserError(
      f"steps: {name!r} is not one of {', '.join(PATTERNS)}, {REGEX}PATTERN, "
      f"{TAG}TEXT, {PAIR}OPEN|CLOSE"
    )
  return re.compile(PATTERNS[name])


def split(text: str, name: str) -> Segments:
  """Cuts a text where the rule says.

  Args:
    text: of a solution.
    name: of the rule, see `rule`.
  """
  steps: list[str] = []
  gaps = [""]
  place, blank = 0, []
  for match in rule(name).finditer(text):
    blank.append(_add(text[place : match.start()], steps, gaps))
    gaps[-1] += match.group()
    place = match.end()
  _add(text[place:], steps, gaps)
  # What is blank before the first or after the last delimiter is no step.
  return Segments(tuple(steps), tuple(gaps), sum(blank[1:]))


def without_empty(steps: Sequence[str]) -> tuple[list[int], int]:
  """Indices of the steps that are not blank, and how many are."""
  kept = [index for index, step in enumerate(steps) if step.strip()]
  return kept, len(steps) - len(kept)


def _around_tags(name: str) -> str:
  """Pattern of a tag, or of a closing tag up to the next opening one."""
  kind, _, body = name.partition(":")
  tags = [body] if f"{kind}:" == TAG else body.split("|")
  if not all(tags) or len(tags) != (1 if f"{kind}:" == TAG else 2):
    raise errors.UserError(f"steps: {name!r}: the tags are not given")
  if len(tags) == 1:
    return rf"\s*{re.escape(body)}\s*"
  begin, end = map(re.escape, tags)
  return rf"\s*{end}\s*(?:{begin}\s*)?|\s*{begin}\s*"


def _add(piece: str, steps: list[str], gaps: list[str]) -> bool:
  """Adds a piece as a step, or to the gap if it is blank; whether it was."""
  if piece.strip():
    steps.append(piece)
    gaps.append("")
    return False
  gaps[-1] += piece
  return True
