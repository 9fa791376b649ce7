"""Public checkpoints as models: weights, tokenizer, ends of texts."""

import json
import pathlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from prm_jax import errors
from prm_jax.checkpoint import config_json, hf
from prm_jax.models import config as config_lib
from prm_jax.text import hf_tokenizer, public_notation
from prm_jax.types import Params

GENERATION = "generation_config.json"
_EOS, _CONTEXT = "eos_token_id", "max_position_embeddings"
_DESCRIBED = ("fields", "eos_ids", "context")


class Public(NamedTuple):
  """A public checkpoint; `extra` has `fields`, `eos_ids` and `context`."""

  config: config_lib.ModelConfig
  params: Params
  tokenizer: hf_tokenizer.HfTokenizer
  extra: Mapping[str, Any]


def is_public(directory: str | pathlib.Path) -> bool:
  """Whether the folder is one of `transformers`, not one of ours."""
  path = pathlib.Path(directory)
  return not (path / "model.json").exists() and (
    (path / config_json.FILE_NAME).exists()
  )


def load(
  directory: str | pathlib.Path,
  *,
  dtype: str | None = None,
  param_dtype: str | None = None,
  shardings_fn: Callable[[Any], Any] | None = None,
) -> Public:
  """Reads model and tokenizer; arguments as of `hf.load`.

  Raises:
    UserError: what `hf.load` and `hf_tokenizer.load` find wrong, or the
      tokenizer is not the model's.
  """
  # The tokenizer goes first: it is read at once, and as easily missing.
  tokenizer = hf_tokenizer.load(directory)
  found = hf.load(
    directory, dtype=dtype, param_dtype=param_dtype, shardings_fn=shardings_fn
  )
  tokenizer.check_fits(found.config.transformer.vocab_size)
  extra = describe(pathlib.Path(directory), found.fields, tokenizer)
  return Public(found.config, found.params, tokenizer, extra)


def describe(
  path: pathlib.Path,
  fields: Mapping[str, Any],
  tokenizer: hf_tokenizer.HfTokenizer,
) -> dict[str, Any]:
  """What else is to be known of a checkpoint; JSON-able."""
  return {
    "fields": dict(fields),
    "eos_ids": _eos_ids(path, fields, tokenizer),
    "context": fields.get(_CONTEXT),
  }


def inherited(extra: Mapping[str, Any]) -> dict[str, Any]:
  """Of what is known of a model, what is true of those that begin with it.

  How its places get their scores is not: that goes with its objective.
  """
  return {name: extra[name] for name in _DESCRIBED if name in extra}


def files(
  tokenizer: hf_tokenizer.HfTokenizer | public_notation.PublicNotation,
) -> list[pathlib.Path]:
  """The files of the checkpoint that are not weights and go with them."""
  if isinstance(tokenizer, public_notation.PublicNotation):
    tokenizer = tokenizer.tokenizer
  folder = pathlib.Path(tokenizer.where)
  names = (*hf_tokenizer.FILES, GENERATION)
  return [folder / name for name in names if (folder / name).is_file()]


def _eos_ids(
  path: pathlib.Path,
  fields: Mapping[str, Any],
  tokenizer: hf_tokenizer.HfTokenizer,
) -> list[int]:
  """All that end a text: of the generation config, tokenizer and config."""
  found: list[int] = []
  generation = path / GENERATION
  if generation.is_file():
    try:
      values = json.loads(generation.read_text())
    except ValueError as error:
      raise errors.UserError(f"{generation}: not JSON ({error})") from error
    found += _ids(values.get(_EOS), str(generation))
  if tokenizer.eos_id is not None:
    found.append(tokenizer.eos_id)
  found += _ids(fields.get(_EOS), str(path / config_json.FILE_NAME))
  return list(dict.fromkeys(found))


def _ids(value: Any, where: str) -> list[int]:
  values = value if isinstance(value, list) else [value]
  if value is None:
    return []
  if not all(isinstance(one, int) and one >= 0 for one in values):
    raise errors.UserError(f"{where}: {_EOS}: {value!r} is no token id")
  return values
