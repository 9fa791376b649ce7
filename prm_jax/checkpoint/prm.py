"""Process reward models of public checkpoints: weights, head and format.

The trunk goes through the tables of `families`; the head becomes a value head
of ours in float32, whatever its class was called:

- linear layers stay what they are;
- candidate tokens of an LM head become its columns, and only these are read;
- a layer on logits and one on gain * hidden + bias are linear in the hidden
  state, and are multiplied out.
"""

import pathlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import flax.traverse_util

from prm_jax import errors
from prm_jax.checkpoint import (
  config_json,
  families,
  lora,
  placement,
  prm_heads,
  safetensors_files,
)
from prm_jax.models import config as config_lib
from prm_jax.text import (
  hf_tokenizer,
  prm_encoding,
  prm_formats,
  prm_table,
)
from prm_jax.types import Array, Params

_EMBEDDING = "embed_tokens.weight"
_PREFIX = "model."  # what `families` expects


class Prm(NamedTuple):
  """A public process reward model."""

  config: config_lib.ModelConfig
  params: Params
  encoder: prm_encoding.Encoder
  max_tokens: int
  fields: Mapping[str, Any]  # config.json as it was found


def load(
  directory: str | pathlib.Path,
  *,
  format_name: str = "",
  joining: str = "",
  base: str = "",
  dtype: str | None = None,
  param_dtype: str | None = None,
  shardings_fn: placement.ShardingsFn | None = None,
) -> Prm:
  """Reads a process reward model.

  Args:
    directory: has config.json, safetensors files and tokenizer.json.
    format_name: row of `prm_table`; by default the class name in config.json
      decides.
    joining: see `prm_formats.with_joining`.
    base: folder of the model that an adapter changes; "": as it says itself.
    dtype: of the trunk's activations; default: what config.json says.
    param_dtype: of the trunk's parameters; default: as `dtype`. The head's
      are float32.
    shardings_fn: as of `hf.load`.

  Raises:
    UserError: one line that names file and field.
  """
  path, adapter = _open(pathlib.Path(directory), base)
  fields = config_json.read(path)
  fmt = prm_formats.with_joining(find_format(fields, format_name), joining)
  tokenizer = _tokenizer(pathlib.Path(directory), path)
  if fmt.head.beta:
    raise errors.UserError(
      f"format: {fmt.name} is two language models, not one with a head"
    )
  encoder = prm_encoding.Encoder(fmt, tokenizer)
  encoder.check()
  trunk = config_json.to_trunk(fields, dtype, has_lm_head=False)
  tokenizer.check_fits(trunk.vocab_size)
  headers = safetensors_files.read_headers(path) | prm_heads.beside(path)
  prefix = _prefix(headers, path)
  if adapter is not None:
    adapter.check(headers)
    headers = adapter.whole | headers
  head = prm_heads.read(
    fmt.head,
    encoder.candidate_ids,
    headers,
    fields,
    prefix,
    path,
    adapter,
  )
  config = config_lib.ModelConfig(
    trunk, use_lm_head=False, **head.config_fields
  )
  places = placement.places(config, param_dtype, shardings_fn)
  wanted = _trunk_tensors(fields, config, prefix)
  spare = {*head.tensors, prm_heads.lm_head_name(prefix)}
  placement.check(headers, wanted, places, path, spare)
  found: dict[str, Array] = {}
  tensors = safetensors_files.read(headers, wanted)
  if adapter is not None:
    tensors = adapter.merged(tensors)
  for name, value in tensors:
    places.put(found, wanted[name], value)
  for name, value in head.params.items():
    found[f"value_head/{name}"] = places.put_whole(f"value_head/{name}", value)
  params = flax.traverse_util.unflatten_dict(found, sep="/")
  context = fields.integer("max_position_embeddings", 0)
  return Prm(
    config,
    {"params": params},
    encoder,
    min(filter(None, (fmt.max_tokens, context)), default=0),
    fields.values,
  )


def is_adapter(directory: str | pathlib.Path) -> bool:
  """Whether the folder holds low-rank changes to another model."""
  return (pathlib.Path(directory) / lora.CONFIG).exists()


def _open(
  path: pathlib.Path, base: str
) -> tuple[pathlib.Path, lora.Adapter | None]:
  """The folder of the weights, and what changes them."""
  if not is_adapter(path):
    return path, None
  adapter = lora.read(path)
  return pathlib.Path(lora.find_base(adapter, path, base)), adapter


def _tokenizer(
  path: pathlib.Path, base: pathlib.Path
) -> hf_tokenizer.HfTokenizer:
  """An adapter may bring its own."""
  has_own = (path / hf_tokenizer.FILE_NAME).exists()
  return hf_tokenizer.load(path if has_own else base)


def find_format(
  fields: config_json.Fields, name: str = ""
) -> prm_formats.Format:
  """The format of that name, or the one that config.json tells.

  Raises:
    UserError: no such format, or config.json fits none or several.
  """
  if name:
    return prm_table.named(name)
  architectures = fields.values.get("architectures") or ["none"]
  found = prm_table.of_architecture(str(architectures[0]))
  if len(found) == 1:
    return found[0]
  names = [f.name for f in found] or prm_table.NAMES
  raise fields.fail(
    "architectures",
    f"{architectures[0]} does not tell the format of its steps; name it by "
    f"--format, one of {', '.join(names)}",
  )


def _prefix(
  headers: Mapping[str, safetensors_files.Header], path: pathlib.Path
) -> str:
  """What stands before the trunk's tensors: `model.`, nothing, or more."""
  found = [name for name in headers if name.endswith(_EMBEDDING)]
  if len(found) != 1:
    raise errors.UserError(
      f"{path}: {len(found)} tensors end in {_EMBEDDING}, of a model there is 1"
    )
  return found[0].removesuffix(_EMBEDDING)


def _trunk_tensors(
  fields: config_json.Fields, config: config_lib.ModelConfig, prefix: str
) -> dict[str, families.Tensor]:
  """By name in the files."""
  rows = config_json.family(fields).trunk
  return {
    prefix + tensor.name.removeprefix(_PREFIX): tensor
    for tensor in families.tensors(rows, config.transformer.num_layers)
  }
