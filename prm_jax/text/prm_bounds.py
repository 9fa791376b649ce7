"""Steps that the pad token parts for the tokeniser and not for the model."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from prm_jax import errors
from prm_jax.text import hf_tokenizer, prm_formats


class Bounded(NamedTuple):
  """Tokens without boundaries, and where these were."""

  tokens: list[int]
  prompt_length: int
  last: np.ndarray  # [k] index of each step's last token


def boundary_id(
  fmt: prm_formats.Format, tokenizer: hf_tokenizer.HfTokenizer
) -> int:
  """The pad token, which marks boundaries for the tokeniser alone.

  Raises:
    UserError: there is none, or not the one that the format counts on.
  """
  found = tokenizer.pad_id
  if found is None:
    raise errors.UserError(
      f"{tokenizer.where}: format {fmt.name}: the tokenizer has no pad_token, "
      "which bounds the steps"
    )
  if fmt.offset == -1 and found != tokenizer.bos_id:
    raise errors.UserError(
      f"{tokenizer.where}: format {fmt.name}: its places hold for a pad_token "
      "that is the bos_token"
    )
  return found


def without(
  ids: Sequence[int], mark_id: int, num_steps: int, mark: str
) -> Bounded:
  """Takes the boundaries out.

  Args:
    ids: prompt and steps, a boundary behind each.
    mark_id: of the boundaries.
    num_steps: how many there are.
    mark: the boundary as text, for messages.

  Raises:
    UserError: there are more boundaries.
  """
  kept = [token for token in ids if token != mark_id]
  ends: list[int] = []  # index in `kept` of the last token before each
  for index, token in enumerate(ids):
    if token == mark_id:
      ends.append(index - 1 - len(ends))
  is_bos = ids[0] == mark_id  # BOS itself is the boundary token
  if len(ends) != num_steps + 1 + is_bos:
    raise errors.UserError(
      f"steps: the problem or a step holds the pad token {mark!r}"
    )
  if is_bos:
    kept = [mark_id, *kept]
  # With BOS back in front the authors' indices are one too low: `offset` of
  # the row tells so, and the last token itself is at index + 1.
  last = np.array(ends[-num_steps:]) + is_bos
  return Bounded(kept, ends[-num_steps - 1] + 1 + is_bos, last)
