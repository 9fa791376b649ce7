r"""Tuples, intervals, lists and sets of literals, compared part by part.

  `(1,2)` and `[1,2]` are ordered, and the brackets count;
  `\{1,2\}` and the list `1, 2` are sets and equal one another;
  `x = 5` is 5 and `x \in [0,1]` is `[0,1]` for an answer that names no
    variable, or the same one.

Where a part is no literal, algebra has to tell, unless another part differs.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from prm_jax.tasks import literals

_NAMED = re.compile(
  r"(?P<name>[A-Za-z])\s*(?:=|\\in(?![A-Za-z]))\s*(?P<rest>[^=<>]+)"
)
_OPENING, _CLOSING = "([{", ")]}"


class Parts(NamedTuple):
  """What stands between commas, and within which brackets.

  Attributes:
    brackets: two signs; "{}" for sets and bare lists.
    items: at least one for sets, at least two for the rest.
  """

  brackets: str
  items: Sequence[str]


def same(gold: str, answer: str) -> bool | None:
  """As `literals.same`, of whole answers."""
  first, second = _NAMED.fullmatch(gold), _NAMED.fullmatch(answer)
  if first and second and first["name"] != second["name"]:
    return None
  gold = first["rest"].strip() if first else gold
  answer = second["rest"].strip() if second else answer
  left, right = parts(gold), parts(answer)
  if left is None or right is None:
    return literals.same(gold, answer) if left is right else None
  if left.brackets == right.brackets == "{}":
    return _same_set(left.items, right.items)
  if "{}" in (left.brackets, right.brackets):
    return None
  if left.brackets != right.brackets:
    return False
  if len(left.items) != len(right.items):
    return None
  found = [same(a, b) for a, b in zip(left.items, right.items, strict=True)]
  return False if False in found else None if None in found else True


def canonical(text: str) -> str | None:
  """As `literals.canonical`, of whole answers."""
  named = _NAMED.fullmatch(text)
  if named:
    text = named["rest"].strip()
  found = parts(text)
  if found is None:
    return literals.canonical(text)
  items = [canonical(item) for item in found.items]
  if None in items:
    return None
  texts = [item for item in items if item is not None]
  if found.brackets == "{}":
    texts = sorted(set(texts))
  return found.brackets[0] + ", ".join(texts) + found.brackets[1]


def parts(text: str) -> Parts | None:
  """None where the text is a single thing."""
  if literals.quantity(text) is not None:
    return None  # the comma of `1,000`
  if text.startswith(r"\{") and text.endswith(r"\}"):
    items = _split(text[2:-2])
    return None if items is None else Parts("{}", items)
  bare = _split(text)
  if bare is None:
    return None
  if len(bare) > 1:
    return Parts("{}", bare)
  if text[:1] in tuple("([") and text[-1:] in tuple(")]"):
    items = _split(text[1:-1])
    if items is not None and len(items) > 1:
      return Parts(text[0] + text[-1], items)
  return None


def _split(text: str) -> list[str] | None:
  """At the commas outside of brackets; None if brackets or items lack.

  Half-open intervals make any bracket close any other, but for braces.
  """
  items, depth, start = [], 0, 0
  for place, sign in enumerate(text):
    if sign in _OPENING:
      depth += 1
    elif sign in _CLOSING:
      depth -= 1
      if depth < 0:
        return None
    elif sign == "," and depth == 0:
      items.append(text[start:place].strip())
      start = place + 1
  items.append(text[start:].strip())
  return None if depth or not all(items) else items


def _same_set(gold: Sequence[str], answer: Sequence[str]) -> bool | None:
  """Each item of either side is one of the other's."""
  found = [[same(a, b) for b in answer] for a in gold]
  if any(None in row for row in found):
    return None
  columns = zip(*found, strict=True)
  return all(map(any, found)) and all(map(any, columns))
