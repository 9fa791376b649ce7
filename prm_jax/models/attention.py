"""Grouped-query attention; how keys are seen is left to a context.

The layer makes queries, keys and values; a context (a pytree with an `attend`
method) says which keys each query sees and whether anything is stored. So
training, prompt reading and cached decoding share the one layer.
"""

from typing import NamedTuple, Protocol, runtime_checkable

import flax.linen as nn
import jax
import jax.numpy as jnp

from prm_jax.models import config as config_lib
from prm_jax.models import layers, rotary
from prm_jax.types import Array

NEGATIVE = -1e30  # finite, so that a row without any key stays finite


class KeyValue(NamedTuple):
  """Keys and values of one layer: [..., t, kv_heads, h] as projected."""

  key: Array
  value: Array


@runtime_checkable
class Context(Protocol):
  """Which keys a query sees."""

  @property
  def positions(self) -> Array:
    """[..., t] place of each query in its sequence, for rotation."""
    ...

  def attend(
    self, query: Array, new: KeyValue, window: int = 0
  ) -> tuple[Array, object]:
    """Returns [..., t, heads, head_dim] and what the layer has to keep.

    A query sees the last `window` tokens, itself included; all where it is 0.
    """
    ...


class Sequences(NamedTuple):
  """Whole (packed) sequences: causal inside each segment."""

  positions: Array  # [b, t] int32, restarting at 0 in every segment
  segment_ids: Array  # [b, t] int32, 0 = padding

  def attend(
    self, query: Array, new: KeyValue, window: int = 0
  ) -> tuple[Array, None]:
    same = self.segment_ids[:, :, None] == self.segment_ids[:, None, :]
    length = self.segment_ids.shape[1]
    causal = jnp.tril(jnp.ones((length, length), bool))
    if window:  # not wider inside a segment than across them
      causal &= ~jnp.tril(jnp.ones((length, length), bool), -window)
    mask = (same & causal)[:, None]  # [b, 1, t, t]
    out = jax.nn.dot_product_attention(query, new.key, new.value, mask=mask)
    return out, None


class Prompts(NamedTuple):
  """Whole prompts, whose keys and values are kept."""

  sequences: Sequences

  @property
  def positions(self) -> Array:
    return self.sequences.positions

  def attend(
    self, query: Array, new: KeyValue, window: int = 0
  ) -> tuple[Array, KeyValue]:
    out, _ = self.sequences.attend(query, new, window)
    # Kept with slots after heads, as the cache wants them.
    return out, KeyValue(*(jnp.swapaxes(x, -2, -3) for x in new))


class Attention(nn.Module):
  """Projections, optional QK norm, rotation; then whatever the context does."""

  config: config_lib.TransformerConfig

  @nn.compact
  def __call__(self, x: Array, context: Context) -> tuple[Array, object]:
    c = self.config

    def project(heads, axis, name):
      return layers.Dense(
        (heads, c.head_dim), ("embed", axis, "head_dim"), c, c.use_qkv_bias,
        name=name,
      )(x)  # fmt: skip

    query = project(c.num_heads, "heads", "query")
    key = project(c.num_kv_heads, "kv_heads", "key")
    value = project(c.num_kv_heads, "kv_heads", "value")
    if c.use_qk_norm:
      query = layers.rms_norm(c, "head_dim", name="query_norm")(query)
      key = layers.rms_norm(c, "head_dim", name="key_norm")(key)
    query = rotary.rotate(query, context.positions, c)
    key = rotary.rotate(key, context.positions, c)
    out, kept = context.attend(query, KeyValue(key, value), c.sliding_window)
    merge = layers.Dense(
      (c.embed_dim,), ("heads", "head_dim", "embed"), c, name="out"
    )
    return merge(out), kept
