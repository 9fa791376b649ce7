r"""Finds the answer in what a model wrote; nothing is ever evaluated.

Rules are tried in the order given, the first that finds something decides:

  boxed: the last `\boxed{...}` or `\fbox{...}` with balanced braces, as in
    MATH (arXiv 2103.03874); earlier boxes do not count;
  hashes: what follows the last `####`, as in GSM8K (arXiv 2110.14168);
  answer_is: what follows the last "the answer is", to the end of its line;
  last_number: the last number of the text. It finds an answer in any text,
    so it helps base models and whoever is out to please a grader;
  whole: the text itself.

A box that is empty or never closed is no answer, and no other rule looks
further: whoever opens a box says that the answer stands there.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, TypeAlias, get_args

from prm_jax import errors

Rule: TypeAlias = Literal[
  "boxed", "hashes", "answer_is", "last_number", "whole"
]

_BOX = re.compile(r"\\(?:boxed|fbox)\s*(?=[{\d])")
_HASHES = re.compile(r"####[ \t]*([^\n]*)")
_ANSWER_IS = re.compile(
  r"answer\s+is\b\s*:?[ \t]*((?:(?!answer\s+is\b)[^\n])*)", re.IGNORECASE
)
_NUMBER = re.compile(r"-?(?:\d[\d,]*\.?\d*|\.\d+)")
_SENTENCE_END = re.compile(r"(?<=[\w)}\]$%])\.(?:\s.*)?$", re.DOTALL)


def last_boxed(text: str) -> str | None:
  r"""Inside of the last box; "" where it is not closed, None without a box.

  `\{` and `\}` are signs of the answer, not braces.
  """
  boxes = list(_BOX.finditer(text))
  if not boxes:
    return None
  start = boxes[-1].end()
  if text[start] != "{":
    return text[start]  # `\boxed5` holds one token
  depth, place = 0, start
  while place < len(text):
    sign = text[place]
    if sign == "\\":
      place += 1
    elif sign in "{}":
      depth += 1 if sign == "{" else -1
      if not depth:
        return text[start + 1 : place].strip()
    place += 1
  return ""


def after_hashes(text: str) -> str | None:
  found = _HASHES.findall(text)
  return found[-1].strip() if found else None


def after_answer_is(text: str) -> str | None:
  found = _ANSWER_IS.findall(text)
  return _SENTENCE_END.sub("", found[-1].strip()) if found else None


def last_number(text: str) -> str | None:
  found = _NUMBER.findall(text)
  return found[-1].rstrip(".,") if found else None


_FINDERS: Mapping[str, Callable[[str], str | None]] = {
  "boxed": last_boxed,
  "hashes": after_hashes,
  "answer_is": after_answer_is,
  "last_number": last_number,
  "whole": str.strip,
}


def extract(text: str, rules: Sequence[str]) -> str | None:
  """The answer, or None: no rule finds one, or an empty one."""
  for rule in rules:
    found = _FINDERS[rule](text)
    if found is not None:
      return found or None
  return None


def check_rules(rules: Sequence[str], field: str) -> None:
  """UserError that names the first rule there is not."""
  known = get_args(Rule)
  if not rules:
    raise errors.UserError(f"{field}: names no rule of {', '.join(known)}")
  for rule in rules:
    if rule not in known:
      raise errors.UserError(
        f"{field}: {rule!r} is not one of {', '.join(known)}"
      )
