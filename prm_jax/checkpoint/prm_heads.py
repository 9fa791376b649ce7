"""Heads of public process reward models as parameters of our value heads."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from prm_jax import errors
from prm_jax.checkpoint import json_fields, placement, safetensors_files
from prm_jax.text import prm_formats

Headers = Mapping[str, safetensors_files.Header]

_LINKS = {"sigmoid": "sigmoid", "raw": "raw", "tanh": "tanh"}


class Layer(NamedTuple):
  """A linear map, as ours: inputs first."""

  kernel: np.ndarray  # [inputs, outputs] float32
  bias: np.ndarray  # [outputs] float32


class Head(NamedTuple):
  """What a checkpoint's head is for us."""

  params: Mapping[str, np.ndarray]  # by path below `value_head`
  config_fields: Mapping[str, Any]  # of `ModelConfig`
  tensors: frozenset[str]  # names in the files


class _Files(NamedTuple):
  """Tensors of a checkpoint, read as float32."""

  headers: Headers
  path: pathlib.Path

  def read(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
    placement.check_tensor(self.headers, name, shape, self.path)
    ((_, value),) = safetensors_files.read(self.headers, [name])
    return value.astype(np.float32)

  def linear(self, name: str, inputs: int, outputs: int = 0) -> Layer:
    """A layer by its name; `outputs` 0: as many as it has."""
    weight = f"{name}.weight"
    if weight not in self.headers:
      raise errors.UserError(f"{self.path}: no tensor {weight}")
    outputs = outputs or self.headers[weight].shape[0]
    kernel = self.read(weight, (outputs, inputs)).T
    if f"{name}.bias" in self.headers:
      return Layer(kernel, self.read(f"{name}.bias", (outputs,)))
    return Layer(kernel, np.zeros(outputs, np.float32))


def read(
  head: prm_formats.Head,
  candidate_ids: Sequence[int],
  headers: Headers,
  fields: json_fields.Fields,
  prefix: str,
  path: pathlib.Path,
) -> Head:
  """The head of a checkpoint.

  Args:
    head: how the format tells it.
    candidate_ids: of the tokens whose logits are compared.
    headers: of the checkpoint's tensors.
    fields: config.json.
    prefix: of the trunk's tensors.
    path: of the checkpoint.

  Raises:
    UserError: a tensor that is absent or misshapen.
  """
  files = _Files(headers, path)
  width = fields.integer("hidden_size")
  if head.layers:
    layers = _linear_layers(head, files, width)
    names = {
      f"{name}.{part}" for name in head.layers for part in ("weight", "bias")
    }
  else:
    layers = [_columns(files, candidate_ids, fields, prefix)]
    names = set()
  return Head(
    _params(_ordered(head, layers)),
    _config_fields(head, layers),
    frozenset(names),
  )


def _linear_layers(
  head: prm_formats.Head, files: _Files, width: int
) -> list[Layer]:
  last = len(head.layers) - 1
  return [
    files.linear(name, width, head.outputs if i == last else width)
    for i, name in enumerate(head.layers)
  ]


def _columns(
  files: _Files,
  ids: Sequence[int],
  fields: json_fields.Fields,
  prefix: str,
) -> Layer:
  """The candidates' columns of the LM head; no other logit is computed."""
  name = _lm_head(files, fields, prefix)
  shape = (fields.integer("vocab_size"), fields.integer("hidden_size"))
  placement.check_tensor(files.headers, name, shape, files.path)
  rows = safetensors_files.read_rows(files.headers[name], name, ids)
  kernel = rows.astype(np.float32).T
  return Layer(kernel, np.zeros(len(ids), np.float32))


def _lm_head(files: _Files, fields: json_fields.Fields, prefix: str) -> str:
  """Name of the matrix that gives the logits."""
  for name in ("lm_head.weight", f"{prefix}lm_head.weight"):
    if name in files.headers:
      return name
  if fields.flag("tie_word_embeddings", False):
    return f"{prefix}embed_tokens.weight"
  raise errors.UserError(f"{files.path}: no tensor lm_head.weight")


def _ordered(
  head: prm_formats.Head, layers: Sequence[Layer]
) -> Sequence[Layer]:
  """The last layer with its wrong classes first; scaled."""
  *inner, last = layers
  if head.transform == "softmax":
    count = last.bias.shape[0]
    order = [i for i in range(count) if i not in head.good] + list(head.good)
    last = Layer(last.kernel[:, order], last.bias[order])
  else:
    last = Layer(last.kernel / head.scale, last.bias / head.scale)
  return [*inner, last]


def _params(layers: Sequence[Layer]) -> dict[str, np.ndarray]:
  """By the names that the modules of `models.heads` give."""
  names = ("Dense_0",) if len(layers) == 1 else ("inner", "outer/Dense_0")
  return {
    f"{name}/{part}": np.ascontiguousarray(value)
    for name, layer in zip(names, layers, strict=True)
    for part, value in layer._asdict().items()
  }


def _config_fields(
  head: prm_formats.Head, layers: Sequence[Layer]
) -> dict[str, Any]:
  count = layers[-1].bias.shape[0]
  kind = "step" if len(layers) == 1 else "mlp"
  if head.transform == "softmax":
    return {
      "value_head": kind,
      "num_classes": count,
      "num_wrong": count - len(head.good),
    }
  kind = "scalar" if len(layers) == 1 else "mlp"
  found = {"value_head": kind, "value_link": _LINKS[head.transform]}
  return found if kind == "scalar" else {**found, "num_classes": 1}
