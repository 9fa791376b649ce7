"""The bytes each token of a `tokenizers` tokenizer writes.

Read from the tokenizer's own decoder, so that the bytes of a sequence's
tokens, joined, are its decoded text. What a decoder does only to the first
token of a text (dropping a blank) is left out: rows go on from a prompt.
"""

import dataclasses
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import tokenizers

from prm_jax import errors
from prm_jax.text import delimiters

Rewrite: TypeAlias = Callable[[bytes], bytes]

_FALLBACK = re.compile(rb"<0x([0-9A-Fa-f]{2})>")


def of(backend: tokenizers.Tokenizer, vocab_size: int = 0) -> list[bytes]:
  """Bytes by id; a special token writes its name.

  Args:
    backend: byte-level BPE, sentencepiece-like with or without byte fallback,
      word pieces, or whole words.
    vocab_size: of the model, if it has more ids than the tokenizer: the others
      write nothing.

  Raises:
    UserError: a decoder that this does not know.
  """
  rewrite = _decoder(json.loads(backend.to_str())["decoder"])
  ids = backend.get_vocab(with_added_tokens=True)
  found = [b""] * max(vocab_size, max(ids.values()) + 1)
  for token, index in ids.items():
    found[index] = rewrite(token.encode())
  return found


@dataclasses.dataclass(frozen=True, eq=False)
class Vocabulary:
  """Words in the tokens of a model.

  Attributes:
    backend: of its tokenizer.
    size: of the model, where it is larger than the tokenizer's.
  """

  backend: tokenizers.Tokenizer
  size: int = 0

  def find(self, strings: Sequence[str]) -> delimiters.Automaton:
    """Finds the strings, wherever they stand."""
    patterns = [string.encode() for string in strings]
    return delimiters.byte_strings(patterns, of(self.backend, self.size))

  def encode(self, text: str) -> list[int]:
    """Ids that write the text.

    Raises:
      UserError: there are none.
    """
    ids = self.backend.encode(text, add_special_tokens=False).ids
    table = of(self.backend, self.size)
    if b"".join(table[i] for i in ids).split() != text.encode().split():
      raise errors.UserError(f"text {text!r}: no tokens write it")
    return ids


def _decoder(spec: Mapping[str, Any] | None) -> Rewrite:
  if spec is None:
    return lambda token: b" " + token
  kind = spec["type"]
  if kind == "Sequence":
    return _chain([_decoder(part) for part in spec["decoders"]])
  if kind in _DECODERS:
    return _DECODERS[kind](spec)
  raise errors.UserError(
    f"tokenizer: its decoder {kind!r} is not one of Sequence, "
    f"{', '.join(_DECODERS)}"
  )


def _chain(parts: list[Rewrite]) -> Rewrite:
  def rewrite(token: bytes) -> bytes:
    for part in parts:
      token = part(token)
    return token

  return rewrite


def _unchanged(spec: Mapping[str, Any]) -> Rewrite:
  del spec
  return lambda token: token


def _byte_level(spec: Mapping[str, Any]) -> Rewrite:
  """Undoes the map of bytes to printable characters of GPT-2's tokenizer."""
  del spec
  byte_of = {char: byte for byte, char in enumerate(byte_characters())}

  def rewrite(token: bytes) -> bytes:
    text = token.decode()
    if not all(char in byte_of for char in text):
      return token  # an added token, written as it is
    return bytes(byte_of[char] for char in text)

  return rewrite


def byte_characters() -> str:
  """The character that stands for each byte 0..255 in byte-level vocabularies.

  Printable Latin-1 characters stand for themselves, the other bytes, in order,
  for 256 and up.
  """
  printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
  others = (byte for byte in range(256) if byte not in printable)
  moved = {byte: 256 + place for place, byte in enumerate(others)}
  return "".join(chr(moved.get(byte, byte)) for byte in range(256))


def _replace(spec: Mapping[str, Any]) -> Rewrite:
  pattern, content = spec["pattern"], spec["content"].encode()
  if "String" in pattern:
    old = pattern["String"].encode()
    return lambda token: token.replace(old, content)
  found = re.compile(pattern["Regex"])
  return lambda token: found.sub(spec["content"], token.decode()).encode()


def _metaspace(spec: Mapping[str, Any]) -> Rewrite:
  mark = spec["replacement"].encode()
  return lambda token: token.replace(mark, b" ")


def _byte_fallback(spec: Mapping[str, Any]) -> Rewrite:
  del spec

  def rewrite(token: bytes) -> bytes:
    found = _FALLBACK.fullmatch(token)
    return bytes([int(found[1], 16)]) if found else token

  return rewrite


def _word_piece(spec: Mapping[str, Any]) -> Rewrite:
  if spec["cleanup"]:
    raise errors.UserError(
      "tokenizer: its decoder rewrites blanks across tokens (cleanup)"
    )
  prefix = spec["prefix"].encode()
  return lambda token: (
    token.removeprefix(prefix) if token.startswith(prefix) else b" " + token
  )


_DECODERS: dict[str, Callable[[Mapping[str, Any]], Rewrite]] = {
  "ByteLevel": _byte_level,
  "Replace": _replace,
  "Metaspace": _metaspace,
  "ByteFallback": _byte_fallback,
  "WordPiece": _word_piece,
  "Fuse": _unchanged,
  "Strip": _unchanged,  # of the first token's blank
}
