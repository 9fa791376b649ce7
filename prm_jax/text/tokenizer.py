"""Small number-level tokenizers for the generated tasks.

A word is what stands between two blanks. Whole numbers up to a bound are one
token each; any other number is its longest known head followed by one token
per character (`-5` is `-` `##5`, `8/3` is `8` `##/` `##3`), so every integer
and fraction goes through `encode` and `decode` unchanged.
"""

import dataclasses
import functools
import os
import pathlib
from collections.abc import Sequence

import numpy as np
import tokenizers
from tokenizers import decoders, models, pre_tokenizers

from prm_jax import errors

PAD = "<pad>"
EOS = "<eos>"
UNKNOWN = "<unk>"
STEP = ";"
FILE_NAME = "tokenizer.json"

_MARKS = (PAD, EOS, STEP, ":", "=", "|", "+", "-", "*", "/")
_TAILS = (*(f"##{digit}" for digit in range(10)), "##/")


@dataclasses.dataclass(frozen=True)
class Tokenizer:
  """A `tokenizers` model that refuses what it cannot write.

  Attributes:
    backend: The wrapped model; its vocabulary holds `<pad>` as id 0.
  """

  backend: tokenizers.Tokenizer

  @functools.cached_property
  def vocab_size(self) -> int:
    return self.backend.get_vocab_size()

  @functools.cached_property
  def pad_id(self) -> int:
    return self._id(PAD)

  @functools.cached_property
  def eos_id(self) -> int:
    return self._id(EOS)

  @functools.cached_property
  def step_id(self) -> int:
    return self._id(STEP)

  @functools.cached_property
  def unknown_id(self) -> int:
    return self._id(UNKNOWN)

  def encode(self, text: str) -> list[int]:
    """Ids of the text; UserError if a word is not in the vocabulary."""
    encoding = self.backend.encode(text, add_special_tokens=False)
    if self.unknown_id in encoding.ids:
      start, end = encoding.offsets[encoding.ids.index(self.unknown_id)]
      raise errors.UserError(
        f"text {text!r}: the tokenizer does not know {text[start:end]!r}"
      )
    return encoding.ids

  def decode(self, ids: Sequence[int]) -> str:
    """Text of the ids, words parted by single blanks."""
    return self.backend.decode(list(ids), skip_special_tokens=False)

  def encode_prompt(self, text: str) -> list[int]:
    """See `notation.Notation`: a problem is its text."""
    return self.encode(text)

  def read_steps(
    self, tokens: Sequence[int] | np.ndarray
  ) -> tuple[list[str], bool]:
    """See `notation.Notation`: steps end at `;`, the solution at `<eos>`."""
    steps: list[str] = []
    current: list[int] = []
    finished = False
    for token in np.asarray(tokens).tolist():
      if token == self.step_id:
        steps.append(self.decode(current))
        current = []
        continue
      finished = token == self.eos_id
      if finished or token == self.pad_id:
        break
      current.append(token)
    steps.append(self.decode(current))
    return [step for step in steps if step], finished

  def save(self, directory: str | os.PathLike[str]) -> None:
    path = pathlib.Path(directory)
    path.mkdir(parents=True, exist_ok=True)
    self.backend.save(str(path / FILE_NAME))

  @classmethod
  def load(cls, directory: str | os.PathLike[str]) -> "Tokenizer":
    path = pathlib.Path(directory) / FILE_NAME
    if not path.is_file():
      raise errors.UserError(f"{path}: no such tokenizer file")
    try:
      backend = tokenizers.Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing narrower
      raise errors.UserError(f"{path}: not a tokenizer file: {error}") from None
    return cls(backend)

  def _id(self, token: str) -> int:
    found = self.backend.token_to_id(token)
    if found is None:
      raise errors.UserError(f"the tokenizer's vocabulary has no {token!r}")
    return found


@functools.cache
def number_tokenizer(max_number: int) -> Tokenizer:
  """The tokenizer with one token for each whole number 0..max_number."""
  if max_number < 9:
    raise errors.UserError(
      f"tokenizer: field max_number must be at least 9, got {max_number}"
    )
  numbers = (str(number) for number in range(max_number + 1))
  words = (*_MARKS, UNKNOWN, *numbers, *_TAILS)
  backend = tokenizers.Tokenizer(
    models.WordPiece(
      {word: index for index, word in enumerate(words)},
      unk_token=UNKNOWN,
      max_input_chars_per_word=1000,
    )
  )
  backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
  backend.decoder = decoders.WordPiece(prefix="##", cleanup=False)
  return Tokenizer(backend)
