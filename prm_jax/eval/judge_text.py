"""First errors told in words: the critics of ProcessBench (arXiv 2412.06559).

A critic is asked to put the index of the earliest wrong paragraph, from 0, in
`\\boxed{}`, and -1 if there is none.
"""

import re
from collections import Counter
from collections.abc import Sequence

from prm_jax.eval import processbench

UNPARSED = -2  # equal to no label: never a match

# `\boxed{\text{3}}`, `\boxed{ -1 }`, `\boxed{3.}`; the last one counts.
_BOXED = re.compile(
  r"\\boxed\s*\{\s*(?:\\text\s*\{)?\s*(-?\s*\d+)\s*\.?\s*\}?\s*\}"
)
_ANY_BOX = re.compile(r"\\boxed\s*\{")


def parse(text: str) -> int:
  """The index in the last box; UNPARSED where that holds no whole number.

  Anything below 0 other than -1 is no index, so UNPARSED as well.
  """
  boxes = list(_ANY_BOX.finditer(text))
  if not boxes:
    return UNPARSED
  found = _BOXED.match(text, boxes[-1].start())
  if not found:
    return UNPARSED
  index = int(found[1].replace(" ", ""))
  return index if index >= processbench.NONE else UNPARSED


def majority(predictions: Sequence[int]) -> int:
  """The most frequent prediction; UNPARSED ones do not vote.

  Of equally frequent ones the first; UNPARSED where nothing was parsed.
  """
  votes = Counter(p for p in predictions if p != UNPARSED)
  return votes.most_common(1)[0][0] if votes else UNPARSED


def predict(texts: Sequence[str]) -> int:
  """Majority vote of one solution's critiques, a single one included."""
  return majority([parse(text) for text in texts])
