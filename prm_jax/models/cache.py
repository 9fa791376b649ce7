"""The key-value cache: a prompt once per problem, rows with their own lengths.

Layout: one leaf per layer (a cache scanned over layers is copied whole at every
token), right-padded rows [B, N, S, ...] that grow at their own pace, and the
prompt's part [B, P, ...] shared by the N rows of a problem. Forking rows is a
gather on axis 1 of the row leaves alone.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from prm_jax.models import attention
from prm_jax.models import config as config_lib
from prm_jax.types import Array, Parents

KeyValue = attention.KeyValue


class PromptCache(NamedTuple):
  """What the N rows of a problem share."""

  layers: tuple[KeyValue, ...]  # one per layer, leaves [B, P, kv_heads, h]
  length: Array  # [B] int32 prompt tokens


class RowCache(NamedTuple):
  """What belongs to a row; every leaf is [B, N, ...]."""

  layers: tuple[KeyValue, ...]  # one per layer, leaves [B, N, S, kv_heads, h]
  length: Array  # [B, N] int32 tokens written


def empty_rows(
  config: config_lib.TransformerConfig, batch: int, rows: int, slots: int
) -> RowCache:
  """Rows with nothing written and room for `slots` tokens each."""
  shape = (batch, rows, slots, config.num_kv_heads, config.head_dim)

  def layer():
    # Two buffers, not one used twice: both are donated and updated in place.
    return KeyValue(
      jnp.zeros(shape, config.jax_dtype), jnp.zeros(shape, config.jax_dtype)
    )

  return RowCache(
    layers=tuple(layer() for _ in range(config.num_layers)),
    length=jnp.zeros((batch, rows), jnp.int32),
  )


def take(rows: RowCache, parents: Parents) -> RowCache:
  """Row j of the result is a copy of row `parents[:, j]`."""
  return jax.tree.map(lambda leaf: take_rows(leaf, parents), rows)


def take_rows(leaf: Array, parents: Parents) -> Array:
  """Gathers axis 1 of one leaf [B, N, ...] by [B, M] parents."""
  return jax.vmap(lambda x, i: x[i])(leaf, parents)


class CachedRows(NamedTuple):
  """Context of one layer while rows are extended by up to C tokens.

  Query c of a row sees its problem's prompt, the row's earlier tokens, and the
  new tokens up to itself. Tokens past `num_new` are neither written nor meant
  to be read.
  """

  prompt: KeyValue  # [B, P, kv_heads, h]
  rows: KeyValue  # [B, N, S, kv_heads, h]
  prompt_length: Array  # [B]
  row_length: Array  # [B, N], before the new tokens
  num_new: Array  # [B, N]
  offset: Array  # [C] = arange(C)

  @property
  def slot(self) -> Array:
    """[B, N, C] where each new token goes in its row."""
    return self.row_length[..., None] + self.offset

  @property
  def positions(self) -> Array:
    return self.prompt_length[:, None, None] + self.slot

  def write(self, new: KeyValue) -> KeyValue:
    slots = self.rows.key.shape[2]
    written = self.offset < self.num_new[..., None]
    slot = jnp.where(written, self.slot, slots)  # out of range: dropped
    b = jnp.arange(slot.shape[0])[:, None, None]
    n = jnp.arange(slot.shape[1])[None, :, None]
    return jax.tree.map(
      lambda old, fresh: old.at[b, n, slot].set(fresh, mode="drop"),
      self.rows,
      new,
    )

  def attend(self, query: Array, new: KeyValue) -> tuple[Array, KeyValue]:
    rows = self.write(new)
    batch, num_rows, count, heads, head_dim = query.shape
    kv_heads = rows.key.shape[-2]
    q = query.reshape(
      batch, num_rows, count, kv_heads, heads // kv_heads, head_dim
    )
    q = q * head_dim**-0.5
    f32 = {"preferred_element_type": jnp.float32}
    on_prompt = jnp.einsum("bnckgh,bpkh->bnckgp", q, self.prompt.key, **f32)
    on_rows = jnp.einsum("bnckgh,bnskh->bnckgs", q, rows.key, **f32)
    prompt_slots = self.prompt.key.shape[1]
    sees_prompt = jnp.arange(prompt_slots) < self.prompt_length[:, None]
    sees_prompt = sees_prompt[:, None, None, None, None, :]
    sees_rows = jnp.arange(rows.key.shape[2]) <= self.slot[..., None]
    sees_rows = sees_rows[:, :, :, None, None, :]
    logits = jnp.concatenate(
      [
        jnp.where(sees_prompt, on_prompt, attention.NEGATIVE),
        jnp.where(sees_rows, on_rows, attention.NEGATIVE),
      ],
      axis=-1,
    )
    weights = jax.nn.softmax(logits, axis=-1).astype(query.dtype)
    out = jnp.einsum(
      "bnckgp,bpkh->bnckgh", weights[..., :prompt_slots], self.prompt.value
    ) + jnp.einsum(
      "bnckgs,bnskh->bnckgh", weights[..., prompt_slots:], rows.value
    )
    return out.reshape(query.shape), rows
