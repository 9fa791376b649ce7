"""Which tensor of a public checkpoint is which parameter: a table per family.

A row names the file's tensor and the parameter; that is all a family is, for
the one transformer covers them by its config.
"""

import dataclasses
import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from prm_jax import errors
from prm_jax.models import config as config_lib


class Row(NamedTuple):
  """One kind of tensor.

  Attributes:
    tensor: its name in the file; `{layer}` stands for the layer's number.
    param: path of the parameter, whose first axis is the layer then.
    inputs: of a matrix, the leading axes of ours that are summed over. The
      file has [outputs, inputs], each side one axis. 0: not a matrix.
  """

  tensor: str
  param: str
  inputs: int = 0

  @property
  def is_stacked(self) -> bool:
    return "{layer}" in self.tensor


def _layer(tensor: str, param: str, inputs: int = 0) -> Row:
  return Row(
    f"model.layers.{{layer}}.{tensor}", f"trunk/layers/{param}", inputs
  )


EMBEDDING = (Row("model.embed_tokens.weight", "trunk/embedder/table"),)
BLOCK = (
  _layer("input_layernorm.weight", "attention_norm/scale"),
  _layer("self_attn.q_proj.weight", "attention/query/kernel", 1),
  _layer("self_attn.k_proj.weight", "attention/key/kernel", 1),
  _layer("self_attn.v_proj.weight", "attention/value/kernel", 1),
  _layer("self_attn.o_proj.weight", "attention/out/kernel", 2),
  _layer("post_attention_layernorm.weight", "mlp_norm/scale"),
  _layer("mlp.gate_proj.weight", "mlp/gate/kernel", 1),
  _layer("mlp.up_proj.weight", "mlp/up/kernel", 1),
  _layer("mlp.down_proj.weight", "mlp/down/kernel", 1),
)
QKV_BIAS = (
  _layer("self_attn.q_proj.bias", "attention/query/bias"),
  _layer("self_attn.k_proj.bias", "attention/key/bias"),
  _layer("self_attn.v_proj.bias", "attention/value/bias"),
)
QK_NORM = (
  _layer("self_attn.q_norm.weight", "attention/query_norm/scale"),
  _layer("self_attn.k_norm.weight", "attention/key_norm/scale"),
)
FINAL_NORM = (Row("model.norm.weight", "trunk/final_norm/scale"),)
LM_HEAD = (Row("lm_head.weight", "lm_head/kernel", 1),)
STEP_HEAD = (
  Row("score.weight", "value_head/Dense_0/kernel", 1),
  Row("score.bias", "value_head/Dense_0/bias"),
)

# Written by old versions of `transformers`, and computed by everyone.
IGNORED_ENDINGS = ("rotary_emb.inv_freq",)


@dataclasses.dataclass(frozen=True)
class Family:
  """A model type of config.json.

  Attributes:
    name: `model_type`.
    prefix: of the architecture's class names.
    trunk: rows of everything but the heads.
    use_qkv_bias: queries, keys and values always have biases.
    use_qk_norm: queries and keys are normed.
    window_switch: config.json says by `use_sliding_window` whether its
      `sliding_window` counts.
    rope_theta, norm_eps, tie_embeddings, sliding_window: what holds where
      config.json is silent.
  """

  name: str
  prefix: str
  trunk: tuple[Row, ...]
  use_qkv_bias: bool = False
  use_qk_norm: bool = False
  window_switch: bool = False
  rope_theta: float = 10_000.0
  norm_eps: float = 1e-6
  tie_embeddings: bool = False
  sliding_window: int = 0


FAMILIES = {
  family.name: family
  for family in (
    Family("llama", "Llama", (*EMBEDDING, *BLOCK, *FINAL_NORM)),
    Family(
      "mistral",
      "Mistral",
      (*EMBEDDING, *BLOCK, *FINAL_NORM),
      sliding_window=4096,
    ),
    Family(
      "qwen2",
      "Qwen2",
      (*EMBEDDING, *BLOCK, *QKV_BIAS, *FINAL_NORM),
      use_qkv_bias=True,
      window_switch=True,
    ),
    Family(
      "qwen3",
      "Qwen3",
      (*EMBEDDING, *BLOCK, *QK_NORM, *FINAL_NORM),
      use_qk_norm=True,
      window_switch=True,
    ),
  )
}


def of(
  config: config_lib.TransformerConfig, preferred: str | None = None
) -> Family:
  """A family whose files can hold such a model: `preferred` if it can.

  Raises:
    UserError: there is none.
  """
  found = {
    family.name: family
    for family in FAMILIES.values()
    if family.use_qkv_bias == config.use_qkv_bias
    and family.use_qk_norm == config.use_qk_norm
    and not (config.sliding_window and family.name == "llama")
  }
  if not found:
    raise errors.UserError(
      "model.use_qkv_bias with model.use_qk_norm: no public family has both"
    )
  return found.get(preferred or "") or next(iter(found.values()))


def rows(family: Family, config: config_lib.ModelConfig) -> tuple[Row, ...]:
  """All rows of a model of this family, heads included.

  Raises:
    UserError: the family's files have no place for the value head.
  """
  heads: tuple[Row, ...] = ()
  if config.use_lm_head and not config.transformer.tie_embeddings:
    heads = LM_HEAD
  if config.value_head == "step" and not config.use_lm_head:
    heads = STEP_HEAD
  elif config.value_head != "none":
    raise errors.UserError(
      f"model.value_head {config.value_head!r}: files of transformers hold an "
      "LM head or a step head, one of them"
    )
  return (*family.trunk, *heads)


class Tensor(NamedTuple):
  """One tensor of the file and its place in the parameters."""

  name: str
  row: Row
  layer: int | None  # index of the parameter's first axis


def tensors(table: tuple[Row, ...], num_layers: int) -> Iterator[Tensor]:
  """All tensors of a model, in the order that files have them."""
  for row in table:
    if not row.is_stacked:
      yield Tensor(row.tensor, row, None)
      continue
    for layer in range(num_layers):
      yield Tensor(row.tensor.format(layer=layer), row, layer)


def file_shape(row: Row, shape: tuple[int, ...]) -> tuple[int, ...]:
  """Shape in the file of a parameter, or one layer's part, of `shape`."""
  if row.inputs:
    return math.prod(shape[row.inputs :]), math.prod(shape[: row.inputs])
  if row.tensor.endswith(".bias"):  # ours is split into heads
    return (math.prod(shape),)
  return shape


def to_param(row: Row, value: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
  """A tensor as the file has it -> a parameter's part of `shape`; a view."""
  return (value.T if row.inputs else value).reshape(shape)


def to_file(row: Row, part: np.ndarray) -> np.ndarray:
  """The inverse of `to_param`; a view as well."""
  shape = file_shape(row, part.shape)
  if row.inputs:
    return part.reshape(shape[::-1]).T
  return part.reshape(shape)
