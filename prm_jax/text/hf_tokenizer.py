"""Tokenizers of public checkpoints: a folder with `tokenizer.json`.

The library `tokenizers` does the work; what `transformers` adds to it is read
from the files beside: special tokens, whether a text begins with one, tokens
that were added later, the chat template.
"""

import dataclasses
import functools
import json
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import tokenizers
from tokenizers import processors

from prm_jax import errors
from prm_jax.text import chat_templates

FILE_NAME = "tokenizer.json"
CONFIG = "tokenizer_config.json"
SPECIAL = "special_tokens_map.json"
TEMPLATE = "chat_template.jinja"
# Those of these that are there make up a tokenizer.
FILES = (FILE_NAME, CONFIG, SPECIAL, TEMPLATE)

_ROLES = ("bos_token", "eos_token", "unk_token", "pad_token")
_SLOW = ("tokenizer.model", "vocab.json", "spiece.model", "tekken.json")


@dataclasses.dataclass(frozen=True)
class HfTokenizer:
  """A tokenizer as a public checkpoint has it.

  Attributes:
    backend: of the library; neither pads nor truncates.
    special_tokens: text by role, such as `bos_token`; absent where the
      checkpoint has none.
    template: for chats; None where the checkpoint has none.
    where: the folder, for messages.
  """

  backend: tokenizers.Tokenizer
  special_tokens: Mapping[str, str]
  template: chat_templates.ChatTemplate | None
  where: str

  @functools.cached_property
  def vocab_size(self) -> int:
    """One more than the largest id; a model may have further, unused ids."""
    return max(self.backend.get_vocab(with_added_tokens=True).values()) + 1

  @functools.cached_property
  def bos_id(self) -> int | None:
    return self._special_id("bos_token")

  @functools.cached_property
  def eos_id(self) -> int | None:
    return self._special_id("eos_token")

  @functools.cached_property
  def pad_id(self) -> int | None:
    return self._special_id("pad_token")

  def encode(self, text: str) -> list[int]:
    """Ids of the text alone; special tokens written in it are found."""
    return self.backend.encode(text, add_special_tokens=False).ids

  def encode_whole(self, text: str) -> list[int]:
    """Ids of the text with what the checkpoint puts around one."""
    return self.backend.encode(text, add_special_tokens=True).ids

  def encode_many(self, texts: Sequence[str]) -> list[list[int]]:
    """`encode` of many texts, on all cores."""
    found = self.backend.encode_batch(list(texts), add_special_tokens=False)
    return [one.ids for one in found]

  def decode(self, ids: Sequence[int]) -> str:
    """Text of the ids, special tokens included."""
    return self.backend.decode(list(ids), skip_special_tokens=False)

  def single_id(self, text: str, field: str) -> int:
    """The one id that the text is.

    Args:
      text: such as a tag.
      field: what the text is, for messages.

    Raises:
      UserError: the text is several tokens, or none.
    """
    ids = self.encode(text)
    added = self.backend.token_to_id(text)
    if added in self.backend.get_added_tokens_decoder():
      return added  # a blank may go before it, which is a token by itself
    if len(ids) != 1:
      raise errors.UserError(
        f"{self.where}: {field}: {text!r} has to be one token of the "
        f"tokenizer and is {len(ids)}: {ids}"
      )
    return ids[0]

  def render_chat(
    self,
    messages: Sequence[chat_templates.Message],
    *,
    add_generation_prompt: bool,
    values: Mapping[str, Any] | None = None,
  ) -> str:
    """A conversation as text, see `ChatTemplate.render`.

    Raises:
      UserError: the checkpoint has no template, or it fails.
    """
    if self.template is None:
      raise errors.UserError(
        f"{self.where}: {CONFIG}: chat_template: missing, and this model "
        "reads conversations"
      )
    return self.template.render(
      messages,
      special_tokens=self.special_tokens,
      add_generation_prompt=add_generation_prompt,
      values=values,
    )

  def encode_chat(
    self,
    messages: Sequence[chat_templates.Message],
    *,
    add_generation_prompt: bool,
    values: Mapping[str, Any] | None = None,
  ) -> list[int]:
    """Ids of a conversation; special tokens are those the template writes."""
    return self.encode(
      self.render_chat(
        messages, add_generation_prompt=add_generation_prompt, values=values
      )
    )

  def check_fits(self, vocab_size: int) -> None:
    """UserError where a model of so many ids cannot read this tokenizer's."""
    if self.vocab_size > vocab_size:
      raise errors.UserError(
        f"{self.where}: {FILE_NAME}: has ids up to {self.vocab_size - 1}, "
        f"the model's vocabulary has {vocab_size}"
      )

  def _special_id(self, role: str) -> int | None:
    if role not in self.special_tokens:
      return None
    text = self.special_tokens[role]
    found = self.backend.token_to_id(text)
    if found is None:
      raise errors.UserError(
        f"{self.where}: {CONFIG}: {role}: {text!r} is not in the vocabulary"
      )
    return found


def load(directory: str | os.PathLike[str]) -> HfTokenizer:
  """Reads the tokenizer of a checkpoint.

  Raises:
    UserError: names the file that is missing or broken, and its field.
  """
  folder = pathlib.Path(directory)
  path = folder / FILE_NAME
  if not path.is_file():
    raise errors.UserError(_what_instead(folder))
  try:
    backend = tokenizers.Tokenizer.from_file(str(path))
  except Exception as error:  # the library raises nothing narrower
    raise errors.UserError(f"{path}: not a tokenizer file: {error}") from None
  backend.no_truncation()
  backend.no_padding()
  fields = _read_json(folder / CONFIG)
  _add_tokens(backend, fields, folder / CONFIG)
  special = {**_read_json(folder / SPECIAL), **fields}
  texts = {
    role: _text(special[role], folder / CONFIG, role)
    for role in _ROLES
    if special.get(role) is not None
  }
  _wrap(backend, fields, texts)
  return HfTokenizer(backend, texts, _template(folder, fields), str(folder))


def _what_instead(folder: pathlib.Path) -> str:
  if not folder.is_dir():
    return f"{folder}: no such folder"
  for name in _SLOW:
    if (folder / name).exists():
      return (
        f"{folder / FILE_NAME}: no such file; {name} alone is not read: load "
        "the tokenizer with AutoTokenizer of transformers and save it"
      )
  return f"{folder / FILE_NAME}: no such file"


def _read_json(path: pathlib.Path) -> dict[str, Any]:
  """Fields of the file; none where there is no file."""
  if not path.is_file():
    return {}
  try:
    found = json.loads(path.read_text(encoding="utf-8"))
  except (OSError, ValueError) as error:
    raise errors.UserError(f"{path}: not JSON ({error})") from error
  if not isinstance(found, dict):
    raise errors.UserError(f"{path}: not a JSON object")
  return found


def _text(value: Any, path: pathlib.Path, field: str) -> str:
  """A special token is its text, or a group with its text."""
  if isinstance(value, Mapping):
    value = value.get("content")
  if not isinstance(value, str):
    raise errors.UserError(f"{path}: {field}: {value!r} is not a token")
  return value


def _add_tokens(
  backend: tokenizers.Tokenizer, fields: Mapping[str, Any], path: pathlib.Path
) -> None:
  """Tokens that only `added_tokens_decoder` of tokenizer_config.json has."""
  added = fields.get("added_tokens_decoder") or {}
  field = "added_tokens_decoder"
  if not isinstance(added, Mapping) or not all(
    str(index).isdecimal() for index in added
  ):
    raise errors.UserError(f"{path}: {field}: is not a group of tokens by id")
  for index, value in sorted(added.items(), key=lambda item: int(item[0])):
    text = _text(value, path, f"{field}.{index}")
    if backend.token_to_id(text) is None:
      own = value if isinstance(value, Mapping) else {}
      names = ("lstrip", "rstrip", "single_word", "normalized", "special")
      flags = {name: bool(own[name]) for name in names if name in own}
      backend.add_tokens([tokenizers.AddedToken(text, **flags)])
    if backend.token_to_id(text) != int(index):
      raise errors.UserError(
        f"{path}: {field}: {text!r} is {index} there and "
        f"{backend.token_to_id(text)} in {FILE_NAME}"
      )


def _wrap(
  backend: tokenizers.Tokenizer,
  fields: Mapping[str, Any],
  special: Mapping[str, str],
) -> None:
  """Puts BOS and EOS around a text where tokenizer_config.json says so.

  Where it is silent, tokenizer.json's own rule stays.
  """
  if "add_bos_token" not in fields and "add_eos_token" not in fields:
    return
  asked = (("add_bos_token", "bos_token"), ("add_eos_token", "eos_token"))
  on = [
    special[role] if fields.get(flag) and role in special else None
    for flag, role in asked
  ]
  bos, eos = on
  parts = [*([bos] if bos else []), "$A", *([eos] if eos else [])]
  ids = [(text, backend.token_to_id(text)) for text in on if text]
  backend.post_processor = processors.TemplateProcessing(
    single=parts, pair=[*parts, "$B:1"], special_tokens=ids
  )


def _template(
  folder: pathlib.Path, fields: Mapping[str, Any]
) -> chat_templates.ChatTemplate | None:
  """The file's own, else the config's; the default where there are several."""
  path = folder / TEMPLATE
  if path.is_file():
    text = path.read_text(encoding="utf-8")
    return chat_templates.ChatTemplate(text, str(path))
  found = fields.get("chat_template")
  where = f"{folder / CONFIG}: chat_template"
  if isinstance(found, list):
    try:
      named = {one["name"]: one["template"] for one in found}
    except (TypeError, KeyError) as error:
      raise errors.UserError(f"{where}: is not a list of templates") from error
    if "default" not in named:
      raise errors.UserError(f"{where}: none of {list(named)} is the default")
    found = named["default"]
  if found is None:
    return None
  if not isinstance(found, str):
    raise errors.UserError(f"{where}: {found!r} is not a template")
  return chat_templates.ChatTemplate(found, where)
