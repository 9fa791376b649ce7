"""Steps of a public model's text as tokens, joined as text or as tokens.

"token": every step and every separator is tokenised by itself, so no token
reaches across a step's end (TRL, Skywork). "string": the joined text is
tokenised once, as a chat template does (Qwen); a token may then hold the end
of one step and the beginning of the next. Which of the two a model was
trained with moves its scores by points.
"""

import dataclasses
from collections.abc import Sequence
from typing import Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np

from prm_jax import errors
from prm_jax.text import steps as steps_lib
from prm_jax.text import token_bytes

Joining: TypeAlias = Literal["token", "string"]


@runtime_checkable
class Encoder(Protocol):
  """What `hf_tokenizer.HfTokenizer` offers."""

  @property
  def backend(self): ...

  def encode(self, text: str) -> list[int]: ...


@dataclasses.dataclass(frozen=True)
class Joined:
  """Steps as tokens.

  Attributes:
    encoded: read where each step, separator included, ends.
    num_straddling: tokens that belong to two steps; the first of the two is
      then read where something of the second is seen.
  """

  encoded: steps_lib.EncodedSolution
  num_straddling: int


def encode_steps(
  encoder: Encoder,
  prompt: Sequence[int],
  steps: Sequence[str],
  *,
  separator: str,
  joining: Joining = "token",
) -> Joined:
  """Tokens of a prompt and of steps, each closed by the separator.

  Args:
    encoder: of the model.
    prompt: its tokens; always joined as tokens.
    steps: texts, none of them empty.
    separator: behind every step, the last included; "" for none.
    joining: see the module.

  Raises:
    UserError: an empty step, a step that has no token of its own, or a
      tokenizer that does not give the text back ("string").
  """
  for index, step in enumerate(steps):
    if not step:
      raise errors.UserError(f"steps[{index}]: the step is empty")
  if joining == "token":
    return _by_tokens(encoder, prompt, steps, separator)
  return _by_string(encoder, prompt, [step + separator for step in steps])


def single_id(encoder: Encoder, tag: str, field: str) -> int:
  """The one id that a placeholder is.

  Raises:
    UserError: it is several tokens or none; labels would be lost.
  """
  ids = encoder.encode(tag)
  if len(ids) != 1:
    raise errors.UserError(
      f"{field}: {tag!r} has to be one token of the tokenizer and is "
      f"{len(ids)}: {ids}"
    )
  return ids[0]


def _by_tokens(
  encoder: Encoder,
  prompt: Sequence[int],
  steps: Sequence[str],
  separator: str,
) -> Joined:
  closing = encoder.encode(separator) if separator else []
  tokens, ends = list(prompt), []
  for index, step in enumerate(steps):
    own = encoder.encode(step)
    if not own:
      raise errors.UserError(f"steps[{index}]: {step!r} has no token")
    tokens += [*own, *closing]
    ends.append(len(tokens) - 1)
  return Joined(_encoded(tokens, prompt, ends), 0)


def _by_string(
  encoder: Encoder, prompt: Sequence[int], pieces: Sequence[str]
) -> Joined:
  """Ends of pieces are found by counting bytes, not by searching text."""
  text = "".join(pieces)
  ids = encoder.encode(text)
  written = token_bytes.of(encoder.backend)
  lengths = [len(written[i]) for i in ids]
  found = b"".join(written[i] for i in ids)
  if found != text.encode():
    # Some decoders write a blank before the first word of a text.
    if found != b" " + text.encode():
      raise errors.UserError(
        f"text {text[:40]!r}: does not survive the tokenizer, which gives "
        f"back {found.decode(errors='replace')[:40]!r}"
      )
    lengths[0] -= 1
  token_end = np.cumsum(lengths)
  piece_end = np.cumsum([len(piece.encode()) for piece in pieces])
  # The token that holds the last byte of each piece.
  place = np.searchsorted(token_end, piece_end)
  if (np.diff(place) <= 0).any():
    raise errors.UserError(
      f"steps: {pieces[int(np.argmin(np.diff(place))) + 1]!r} ends inside the "
      "token that ends the step before"
    )
  straddling = int((token_end[place] > piece_end).sum()) if len(pieces) else 0
  ends = [len(prompt) + int(index) for index in place]
  return Joined(_encoded([*prompt, *ids], prompt, ends), straddling)


def _encoded(
  tokens: Sequence[int], prompt: Sequence[int], ends: Sequence[int]
) -> steps_lib.EncodedSolution:
  return steps_lib.EncodedSolution(
    np.asarray(tokens, np.int32), len(prompt), np.asarray(ends, np.int32)
  )
