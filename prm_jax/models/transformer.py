"""The decoder-only trunk: scanned layers in training, unrolled with a cache."""

from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from prm_jax.models import attention, cache, layers
from prm_jax.models import config as config_lib
from prm_jax.types import Array


class Block(nn.Module):
  """Pre-norm attention and feed-forward with residuals."""

  config: config_lib.TransformerConfig

  @nn.compact
  def __call__(
    self, x: Array, context: attention.Context
  ) -> tuple[Array, object]:
    c = self.config
    normed = layers.rms_norm(c, "embed", name="attention_norm")(x)
    mixed, kept = attention.Attention(c, name="attention")(normed, context)
    x = x + mixed
    normed = layers.rms_norm(c, "embed", name="mlp_norm")(x)
    return x + layers.FeedForward(c, name="mlp")(normed), kept


class Transformer(nn.Module):
  """Embedding, blocks and final norm; heads are elsewhere."""

  config: config_lib.TransformerConfig

  def setup(self):
    c = self.config
    self.embedder = layers.Embedder(c)
    block = nn.remat(Block, prevent_cse=False) if c.use_remat else Block
    self.layers = nn.scan(
      block,
      variable_axes={"params": 0, layers.ADAPTERS: 0},
      split_rngs={"params": True},
      in_axes=nn.broadcast,
      length=c.num_layers,
      metadata_params={nn.PARTITION_NAME: "layers"},
    )(c)
    self.final_norm = layers.rms_norm(c, "embed")

  def __call__(
    self, tokens: Array, positions: Array, segment_ids: Array
  ) -> Array:
    """[b, t] packed sequences -> hidden [b, t, d]."""
    x = self.embedder.encode(tokens)
    x = nn.with_logical_constraint(x, ("batch", "length", "embed"))
    x, _ = self.layers(x, attention.Sequences(positions, segment_ids))
    return self.final_norm(x)

  def read_prompts(
    self, tokens: Array, length: Array
  ) -> tuple[Array, cache.PromptCache]:
    """Reads right-padded prompts once per problem.

    Args:
      tokens: [B, P] int32.
      length: [B] int32 tokens of each prompt, at least 1.

    Returns:
      hidden [B, d] of each prompt's last token, and the prompt cache.
    """
    count = tokens.shape[1]
    positions = jnp.broadcast_to(jnp.arange(count), tokens.shape)
    segment_ids = (positions < length[:, None]).astype(jnp.int32)
    context = attention.Prompts(attention.Sequences(positions, segment_ids))
    hidden, kept = self._unrolled(tokens, [context] * self.config.num_layers)
    last = jnp.take_along_axis(hidden, (length - 1)[:, None, None], axis=1)
    return last[:, 0], cache.PromptCache(tuple(kept), length)

  def extend_rows(
    self,
    tokens: Array,
    num_new: Array,
    prompt: cache.PromptCache,
    rows: cache.Rows,
  ) -> tuple[Array, cache.Rows]:
    """Appends up to C tokens to every row.

    Args:
      tokens: [B, N, C] int32; those past `num_new` are ignored.
      num_new: [B, N] int32 in 0..C; 0 leaves a row as it is.
      prompt: the problems' prompts.
      rows: the rows so far.

    Returns:
      hidden [B, N, C, d] (undefined past `num_new`) and the longer rows.
    """
    rows, contexts = rows.open(prompt, num_new, tokens.shape[-1])
    hidden, kept = self._unrolled(tokens, contexts)
    return hidden, rows.close(tuple(kept), num_new)

  def _unrolled(self, tokens, contexts):
    x = self.embedder.encode(tokens)
    params = layer_params(nn.unbox(self.variables["params"]["layers"]))
    block = Block(self.config, parent=None)
    kept = []
    for own, context in zip(params, contexts, strict=True):
      x, store = block.apply({"params": own}, x, context)
      kept.append(store)
    return self.final_norm(x), kept


def layer_params(layers: Mapping[str, Any]) -> list[Any]:
  """Parameters of each layer, from those of all in whatever form they come.

  `nn.scan` stacks them. `lm.unstack` takes them apart under the layers'
  numbers, which is how a loop over tokens should get them: XLA's CPU backend
  copies a slice of the stack each time it is read.
  """
  if "0" in layers:
    return [layers[str(i)] for i in range(len(layers))]
  count = jax.tree.leaves(layers)[0].shape[0]
  return [jax.tree.map(lambda x, i=i: x[i], layers) for i in range(count)]
