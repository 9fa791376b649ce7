"""Token sequences cut into steps without looking at their text.

Segments are given by their ends: segment k is `tokens[ends[k-1]:ends[k]]`,
and all of them, joined, are the tokens. Where a verifier is read is the last
token of each.
"""

from collections.abc import Collection, Sequence

import numpy as np

from prm_jax import errors
from prm_jax.text import steps

OMEGA_PARTS = 16


def every(num_tokens: int, size: int) -> np.ndarray:
  """int64 [k] ends of segments of `size` tokens; the last may be shorter."""
  _check_positive("size", size)
  return np.minimum(np.arange(size, num_tokens + size, size), num_tokens)


def evenly(num_tokens: int, parts: int = OMEGA_PARTS) -> np.ndarray:
  """int64 [k] ends of `parts` segments whose lengths differ by one at most.

  OmegaPRM (arXiv 2406.06592) cuts a rollout in about 16. A rollout of fewer
  tokens has one segment per token.
  """
  _check_positive("parts", parts)
  parts = min(parts, num_tokens)
  return np.arange(1, parts + 1) * num_tokens // max(parts, 1)


def after(
  tokens: Sequence[int] | np.ndarray, ids: Collection[int]
) -> np.ndarray:
  """int64 [k] ends behind each of the closing ids, and behind the last token.

  A segment of closing ids alone holds nothing and goes with the one behind
  it, at the end with the one before.
  """
  array = np.asarray(tokens)
  closing = np.isin(array, list(ids))
  ends = np.flatnonzero(closing) + 1
  if len(array) and not closing[-1]:
    ends = np.append(ends, len(array))
  filled = np.concatenate([[0], np.cumsum(~closing)])
  starts = np.concatenate([[0], ends[:-1]])
  kept = ends[filled[ends] > filled[starts]]
  if len(kept) and kept[-1] < len(array):
    kept[-1] = len(array)
  return kept


def encoded(
  prompt: Sequence[int], tokens: Sequence[int] | np.ndarray, ends: np.ndarray
) -> steps.EncodedSolution:
  """A solution that is read at the last token of every segment.

  Raises:
    UserError: the ends do not rise to the number of tokens.
  """
  whole = np.concatenate([np.asarray(prompt), np.asarray(tokens)])
  rising = np.diff(ends, prepend=0) > 0
  if not rising.all() or (len(ends) and ends[-1] != len(tokens)):
    raise errors.UserError(
      f"segments: ends {ends.tolist()} do not rise to {len(tokens)} tokens"
    )
  return steps.EncodedSolution(
    whole.astype(np.int32),
    len(prompt),
    (len(prompt) + ends - 1).astype(np.int32),
  )


def cut(
  tokens: Sequence[int] | np.ndarray, ends: np.ndarray
) -> list[np.ndarray]:
  """The segments themselves; joined, they are the tokens."""
  return np.split(np.asarray(tokens), ends[:-1]) if len(ends) else []


def _check_positive(name: str, value: int) -> None:
  if value < 1:
    raise errors.UserError(f"segments.{name}: must be at least 1, got {value}")
