"""A trunk with its heads: policy, verifier, or both on one trunk."""

from collections.abc import Mapping
from typing import Any, NamedTuple, cast

import flax.linen as nn
import jax.numpy as jnp

from prm_jax.models import cache, heads, layers, transformer
from prm_jax.models import config as config_lib
from prm_jax.types import Array, Params


class ModelOutput(NamedTuple):
  """What the heads say at every position; None where there is no such head."""

  logits: Array | None  # [b, t, v] float32
  values: Array | None  # [b, t] float32 logits, or [b, t, classes]


class Model(nn.Module):
  """Pure `init` / `apply`; the method decides what is run."""

  config: config_lib.ModelConfig

  def setup(self):
    c = self.config
    self.trunk = transformer.Transformer(c.transformer)
    if c.value_head != "none":
      self.value_head = heads.make(c)
    if c.use_lm_head and not c.transformer.tie_embeddings:
      trunk = c.transformer
      self.lm_head = layers.Dense(
        (trunk.vocab_size,), ("embed", "vocab"), trunk
      )

  def __call__(
    self, tokens: Array, positions: Array, segment_ids: Array
  ) -> ModelOutput:
    """[b, t] packed sequences -> outputs at every position."""
    hidden = self.trunk(tokens, positions, segment_ids)
    c = self.config
    return ModelOutput(
      self.logits(hidden) if c.use_lm_head else None,
      self.values(hidden) if c.value_head != "none" else None,
    )

  def logits(self, hidden: Array) -> Array:
    """[..., d] -> [..., v] float32."""
    if self.config.transformer.tie_embeddings:
      return self.trunk.embedder.decode(hidden)
    return self.lm_head(hidden).astype(jnp.float32)

  def values(self, hidden: Array) -> Array:
    """[..., d] -> [...] value logits, or [..., classes] of a step head."""
    out = self.value_head(hidden)
    return out[..., 0] if self.config.value_head == "scalar" else out

  def read_prompts(
    self, tokens: Array, length: Array
  ) -> tuple[Array, cache.PromptCache]:
    """See `Transformer.read_prompts`."""
    return self.trunk.read_prompts(tokens, length)

  def extend_rows(
    self,
    tokens: Array,
    num_new: Array,
    prompt: cache.PromptCache,
    rows: cache.Rows,
  ) -> tuple[Array, cache.Rows]:
    """See `Transformer.extend_rows`."""
    return self.trunk.extend_rows(tokens, num_new, prompt, rows)


def unstack(params: Params) -> Params:
  """The same parameters with the layers apart, for what reads token by token.

  Only the methods with a cache take them. They are copies, so what is kept of
  the stacked ones takes as much memory again.

  Args:
    params: what `Model.init` returned, or a mapping that holds some of these;
      layers that are apart already stay as they are.
  """

  def visit(name: str, value: Any) -> Any:
    if not isinstance(value, Mapping):
      return value
    if name == "layers" and "0" not in value:
      apart = transformer.layer_params(nn.unbox(value))
      return {str(i): own for i, own in enumerate(apart)}
    return {key: visit(key, below) for key, below in value.items()}

  return cast(Params, visit("", params))


# Typed calls of the methods above; `params` is what `Model.init` returned.


def forward(
  model: Model,
  params: Params,
  tokens: Array,
  positions: Array,
  segment_ids: Array,
) -> ModelOutput:
  """[b, t] packed sequences -> outputs at every position."""
  out = model.apply(params, tokens, positions, segment_ids)
  return cast(ModelOutput, out)


def logits(model: Model, params: Params, hidden: Array) -> Array:
  """[..., d] -> [..., v] float32."""
  return cast(Array, model.apply(params, hidden, method="logits"))


def values(model: Model, params: Params, hidden: Array) -> Array:
  """[..., d] -> [...] value logits, or [..., classes] of a step head."""
  return cast(Array, model.apply(params, hidden, method="values"))


def read_prompts(
  model: Model, params: Params, tokens: Array, length: Array
) -> tuple[Array, cache.PromptCache]:
  """See `Transformer.read_prompts`."""
  out = model.apply(params, tokens, length, method="read_prompts")
  return cast(tuple[Array, cache.PromptCache], out)


def extend_rows(
  model: Model,
  params: Params,
  tokens: Array,
  num_new: Array,
  prompt: cache.PromptCache,
  rows: cache.Rows,
) -> tuple[Array, cache.Rows]:
  """See `Transformer.extend_rows`."""
  out = model.apply(params, tokens, num_new, prompt, rows, method="extend_rows")
  return cast(tuple[Array, cache.Rows], out)
