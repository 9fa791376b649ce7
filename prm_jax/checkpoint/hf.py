"""Checkpoints of the Llama, Mistral and Qwen families, read and written.

A folder with `config.json` and safetensors files, as `transformers` has it.
Tensors go one by one from the file into (sharded) arrays and back, so a host
never holds a second copy of the model.
"""

import json
import math
import pathlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import flax.traverse_util
import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils

from prm_jax.checkpoint import (
  config_json,
  disk,
  families,
  placement,
  safetensors_files,
)
from prm_jax.models import config as config_lib
from prm_jax.types import Array, Params


class Checkpoint(NamedTuple):
  """A model of a public family."""

  config: config_lib.ModelConfig
  params: Params
  fields: Mapping[str, Any]  # config.json as it was found


def load(
  directory: str | pathlib.Path,
  *,
  dtype: str | None = None,
  param_dtype: str | None = None,
  shardings_fn: Callable[[Any], Any] | None = None,
) -> Checkpoint:
  """Reads a checkpoint.

  Args:
    directory: has `config.json` and `model.safetensors`, or shards and their
      index.
    dtype: of activations; default: what config.json says.
    param_dtype: of the parameters; default: as `dtype`. Those that are to be
      trained should be float32.
    shardings_fn: boxed abstract parameters -> shardings, such as
      `train.partition.shardings_of` with its mesh; default: all on the first
      device.

  Raises:
    UserError: one line that names file and field: not a checkpoint of these
      families, a missing shard or tensor, a wrong shape, pickle or GGUF.
  """
  path = pathlib.Path(directory)
  fields = config_json.read(path)
  config = config_json.to_model(fields, dtype)
  kind = config_json.family(fields)
  headers = safetensors_files.read_headers(path)
  places = placement.places(config, param_dtype, shardings_fn)
  wanted = {
    tensor.name: tensor
    for tensor in families.tensors(
      families.rows(kind, config), config.transformer.num_layers
    )
  }
  spare = {"lm_head.weight"} if config.transformer.tie_embeddings else set()
  placement.check(headers, wanted, places, path, spare)
  found: dict[str, Array] = {}
  for name, value in safetensors_files.read(headers, wanted):
    places.put(found, wanted[name], value)
  params = flax.traverse_util.unflatten_dict(found, sep="/")
  return Checkpoint(config, {"params": params}, fields.values)


def save(
  directory: str | pathlib.Path,
  params: Params,
  config: config_lib.ModelConfig,
  *,
  dtype: str | None = None,
  fields: Mapping[str, Any] | None = None,
  files: Sequence[str | pathlib.Path] = (),
  max_shard_bytes: int = 5 * 10**9,
) -> None:
  """Writes a folder that `load` and `transformers` read.

  Every process of a cluster calls it; an older folder is replaced, and kept
  until the new one is whole.

  Args:
    params: as `load` gave them, or trained here; without boxes.
    config: of the model. The family follows from it.
    dtype: of the tensors; default: of activations.
    fields: further fields of config.json, such as `Checkpoint.fields`.
    files: copied beside, such as the tokenizer's.
    max_shard_bytes: a file holds so many, or one tensor.

  Raises:
    UserError: no family has such a model, or the disk is full.
  """
  path = pathlib.Path(directory).absolute()
  dtype = dtype or config.transformer.dtype
  fields = fields or {}
  kind = families.of(config.transformer, fields.get("model_type"))
  flat = flax.traverse_util.flatten_dict(params["params"], sep="/")
  table = families.rows(kind, config)
  text = config_json.from_model(config, kind, dtype, fields)
  is_primary = jax.process_index() == 0
  with (
    disk.told_when_full(f"{path}: model not saved"),
    disk.new_folder(path, is_primary) as draft,
  ):
    if is_primary:
      for file in files:
        shutil.copy(file, draft)
      config_file = draft / config_json.FILE_NAME
      config_file.write_text(json.dumps(text, indent=2) + "\n")
    _write_tensors(
      draft if is_primary else None,
      flat,
      list(families.tensors(table, config.transformer.num_layers)),
      jnp.dtype(dtype),
      max_shard_bytes,
    )


def _write_tensors(
  directory: pathlib.Path | None,
  flat: Mapping[str, Any],
  tensors: Sequence[families.Tensor],
  dtype: np.dtype,
  max_shard_bytes: int,
) -> None:
  """Writes the shards; `directory` is None where another process writes."""
  shapes = {}
  for tensor in tensors:
    whole = flat[tensor.row.param].shape
    own = whole if tensor.layer is None else whole[1:]
    shapes[tensor.name] = families.file_shape(tensor.row, own)
  sizes = {n: math.prod(shape) * dtype.itemsize for n, shape in shapes.items()}
  if directory is not None:
    disk.require_space(directory, sum(sizes.values()))
  by_name = {tensor.name: tensor for tensor in tensors}
  shards = safetensors_files.plan_shards(sizes, max_shard_bytes)
  for file, names in shards.items():
    values = (_to_host(flat, by_name[name]) for name in names)
    if directory is None:
      for _ in values:  # every process has its part in the gathering
        continue
    else:
      own_shapes = {name: shapes[name] for name in names}
      safetensors_files.write(directory / file, own_shapes, dtype, values)
  if directory is not None:
    safetensors_files.write_index(directory, shards, sum(sizes.values()))


def _to_host(flat: Mapping[str, Any], tensor: families.Tensor) -> np.ndarray:
  """One tensor as the file has it."""
  param = flat[tensor.row.param]
  part = param if tensor.layer is None else param[tensor.layer]
  if isinstance(part, jax.Array) and not part.is_fully_addressable:
    part = multihost_utils.process_allgather(part, tiled=True)
  return families.to_file(tensor.row, np.asarray(part))
