"""Heads of public process reward models as parameters of our value heads."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from prm_jax import errors
from prm_jax.checkpoint import (
  json_fields,
  lora,
  placement,
  safetensors_files,
)
from prm_jax.text import prm_formats

Headers = Mapping[str, safetensors_files.Header]

# Heads that lie beside the model, and how their authors wrote them.
_FILES = ("value_head.safetensors", "verifier.safetensors")
_PICKLES = ("value_head.bin", "verifier.pth")


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
  """Tensors of a checkpoint, read as float32, adapted where they are."""

  headers: Headers
  path: pathlib.Path
  adapter: lora.Adapter | None

  def read(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
    placement.check_tensor(self.headers, name, shape, self.path)
    if self.adapter is not None and name in self.adapter.names:
      return self.adapter.read(name)
    ((_, value),) = safetensors_files.read(self.headers, [name])
    if self.adapter is not None:
      value = self.adapter.merge(name, value)
    return value.astype(np.float32)

  def rows(
    self, name: str, shape: tuple[int, ...], rows: Sequence[int]
  ) -> np.ndarray:
    """Some rows of a matrix; the rest is not read unless it is adapted."""
    if self.adapter is not None and name in self.adapter.scales:
      return self.read(name, shape)[list(rows)]
    placement.check_tensor(self.headers, name, shape, self.path)
    found = safetensors_files.read_rows(self.headers[name], name, rows)
    return found.astype(np.float32)

  def linear(self, name: str, inputs: int, outputs: int = 0) -> Layer:
    """A layer by its name; `outputs` 0: as many as it has."""
    weight = f"{name}.weight"
    if weight not in self.headers:
      raise errors.UserError(self._lacks(weight))
    outputs = outputs or self.headers[weight].shape[0]
    kernel = self.read(weight, (outputs, inputs)).T
    if f"{name}.bias" in self.headers:
      return Layer(kernel, self.read(f"{name}.bias", (outputs,)))
    return Layer(kernel, np.zeros(outputs, np.float32))

  def _lacks(self, name: str) -> str:
    for pickle, file in zip(_PICKLES, _FILES, strict=True):
      if (self.path / pickle).exists():
        return (
          f"{self.path / pickle}: pickle can run code when it is read; write "
          f"its tensors to {file} with safetensors.torch.save_file"
        )
    return f"{self.path}: no tensor {name}"


def beside(path: pathlib.Path) -> dict[str, safetensors_files.Header]:
  """Tensors of heads that are kept in files of their own."""
  found: dict[str, safetensors_files.Header] = {}
  for name in _FILES:
    if (path / name).exists():
      found |= safetensors_files.file_headers(path / name)
  return found


def read(
  head: prm_formats.Head,
  candidate_ids: Sequence[int],
  headers: Headers,
  fields: json_fields.Fields,
  prefix: str,
  path: pathlib.Path,
  adapter: lora.Adapter | None = None,
) -> Head:
  """The head of a checkpoint.

  Args:
    head: how the format tells it.
    candidate_ids: of the tokens whose logits are compared.
    headers: of the checkpoint's tensors.
    fields: config.json.
    prefix: of the trunk's tensors.
    path: of the checkpoint.
    adapter: what changes its tensors.

  Raises:
    UserError: a tensor that is absent or misshapen.
  """
  files = _Files(headers, path, adapter)
  names = {
    f"{name}.{part}" for name in head.layers for part in ("weight", "bias")
  }
  if head.layers:
    layers = _linear_layers(head, files, fields, prefix)
  else:
    layers = [_columns(files, candidate_ids, fields, prefix)]
  names |= {head.gain, head.bias}
  return Head(
    _params(_ordered(head, layers)),
    _config_fields(head, layers),
    frozenset(names),
  )


def _linear_layers(
  head: prm_formats.Head, files: _Files, fields: json_fields.Fields, prefix: str
) -> list[Layer]:
  width = fields.integer("hidden_size")
  if head.on_logits:
    return [_on_logits(head, files, fields, prefix)]
  last = len(head.layers) - 1
  layers = [
    files.linear(name, width, head.outputs if i == last else width)
    for i, name in enumerate(head.layers)
  ]
  if head.gain:
    layers = [_shifted(layers[0], head, files), *layers[1:]]
  return layers


def _shifted(layer: Layer, head: prm_formats.Head, files: _Files) -> Layer:
  """kernel . (gain * h + bias) as a layer on h; the bias adds to every unit."""
  gain, bias = files.read(head.gain, (1,)), files.read(head.bias, (1,))
  return Layer(
    gain * layer.kernel, layer.bias + bias * layer.kernel.sum(axis=0)
  )


def _on_logits(
  head: prm_formats.Head, files: _Files, fields: json_fields.Fields, prefix: str
) -> Layer:
  """A layer on the LM head's logits as one on the hidden state."""
  vocab, width = fields.integer("vocab_size"), fields.integer("hidden_size")
  (name,) = head.layers
  layer = files.linear(name, vocab, head.outputs)
  matrix = files.read(_lm_head(files, fields, prefix), (vocab, width))
  return Layer(matrix.T @ layer.kernel, layer.bias)


def _columns(
  files: _Files,
  ids: Sequence[int],
  fields: json_fields.Fields,
  prefix: str,
) -> Layer:
  """The candidates' columns of the LM head; no other logit is computed."""
  name = _lm_head(files, fields, prefix)
  shape = (fields.integer("vocab_size"), fields.integer("hidden_size"))
  kernel = files.rows(name, shape, ids).T
  return Layer(kernel, np.zeros(len(ids), np.float32))


def lm_head_name(prefix: str) -> str:
  """The LM head stands beside the trunk, whose tensors begin with `prefix`."""
  return prefix.removesuffix("model.") + "lm_head.weight"


def _lm_head(files: _Files, fields: json_fields.Fields, prefix: str) -> str:
  """Name of the matrix that gives the logits."""
  name = lm_head_name(prefix)
  if name in files.headers:
    return name
  if fields.flag("tie_word_embeddings", False):
    return f"{prefix}embed_tokens.weight"
  raise errors.UserError(f"{files.path}: no tensor {name}")


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
  found = {"value_head": kind, "value_link": head.transform}
  return found if kind == "scalar" else {**found, "num_classes": 1}
