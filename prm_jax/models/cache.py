"""The key-value cache: a prompt once per problem, rows with their own lengths.

Layout: one leaf per layer (a cache scanned over layers is copied whole at every
token), right-padded rows [B, N, S, ...] that grow at their own pace, and the
prompt's part shared by the N rows of a problem. Forking rows is a gather on
axis 1 of the row leaves alone. Slots come after heads: with heads innermost,
XLA's CPU backend transposes the whole cache at every token (7.3 ms against
0.75 ms for the scores of 1,024 rows x 40 slots x 4 heads x 24). Rows' keys have
slots last, so that either product runs along memory: 1.2 ms a layer for 32 rows
x 1,536 slots x 2 heads x 32; keys that lie as the values do take 2.6 ms.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp

from prm_jax.models import attention, forks
from prm_jax.models import config as config_lib
from prm_jax.types import Array, Parents

KeyValue = attention.KeyValue


class PromptCache(NamedTuple):
  """What the N rows of a problem share."""

  layers: tuple[KeyValue, ...]  # one per layer, leaves [B, kv_heads, P, h]
  length: Array  # [B] int32 prompt tokens


@runtime_checkable
class Rows(Protocol):
  """What belongs to rows, in some layout: a pytree of [B, ...] leaves."""

  @property
  def length(self) -> Array:
    """[B, N] int32 tokens written."""
    ...

  @property
  def overflow(self) -> Array:
    """[B] bool: there was no room; what these rows say means nothing."""
    ...

  def open(
    self, prompt: PromptCache, num_new: Array, count: int
  ) -> tuple["Rows", Sequence[attention.Context]]:
    """Rows with room for `num_new` [B, N] of `count` tokens; layer by layer."""
    ...

  def close(self, layers: Any, num_new: Array) -> "Rows":
    """The longer rows, from what the contexts kept."""
    ...

  def take(self, parents: Parents) -> "Rows":
    """Row j is a copy of row `parents[:, j]`; these rows are used no more."""
    ...

  def clear(self, problems: Array) -> "Rows":
    """Nothing is written in the rows of these problems, bool [B]."""
    ...

  def narrow(self, cut: int) -> "Rows":
    """The same rows with `cut` slots less, or a few; they hold no more."""
    ...

  def widen(self, part: Any) -> "Rows":
    """These rows after what happened to the narrow ones."""
    ...

  def rewind(self, length: Array) -> "Rows":
    """Forgets what was written behind `length` [B, N] since the last fork."""
    ...

  def rewind_forks(self, length: Array, forks: Array) -> "Rows":
    """`rewind` across the fork: `forks` [B, N] have parents that go on."""
    ...

  def load(self, nodes: Parents) -> "Rows":
    """The same where these rows are a store, which stays in use."""
    ...

  def put(self, rows: Any, places: Array) -> "Rows":
    """The store with loaded rows put to `places`; a place M is dropped."""
    ...


@runtime_checkable
class Layout(Protocol):
  """How the rows of a cache lie in memory."""

  def empty_rows(
    self,
    config: config_lib.TransformerConfig,
    batch: int,
    rows: int,
    slots: int,
  ) -> Rows:
    """Rows with nothing written and room for `slots` tokens each."""
    ...


class RowCache(NamedTuple):
  """Rows that lie by themselves; every leaf is [B, N, ...]."""

  # One per layer: keys [B, N, kv_heads, h, S], values [B, N, kv_heads, S, h].
  layers: tuple[KeyValue, ...]
  length: Array  # [B, N] int32 tokens written

  @property
  def overflow(self) -> Array:
    return jnp.zeros(self.length.shape[:1], bool)

  def open(
    self, prompt: PromptCache, num_new: Array, count: int
  ) -> tuple["RowCache", list["CachedRows"]]:
    offset = jnp.arange(count)
    return self, [
      CachedRows(shared, own, prompt.length, self.length, num_new, offset)
      for shared, own in zip(prompt.layers, self.layers, strict=True)
    ]

  def close(self, layers: tuple[KeyValue, ...], num_new: Array) -> "RowCache":
    return RowCache(layers, self.length + num_new)

  def take(self, parents: Parents) -> "RowCache":
    return take(self, parents)

  def clear(self, problems: Array) -> "RowCache":
    return self.rewind(jnp.where(problems[:, None], 0, self.length))

  def narrow(self, cut: int) -> "RowCache":
    end = self.layers[0].key.shape[-1] - cut
    end += -end % forks.SLOT_BLOCKS
    first = lambda x: KeyValue(x.key[..., :end], x.value[..., :end, :])
    return self._replace(layers=tuple(map(first, self.layers)))

  def widen(self, part: "RowCache") -> "RowCache":
    update = jax.lax.dynamic_update_slice
    return jax.tree.map(
      lambda x, new: update(x, new, (0,) * x.ndim), self, part
    )

  def rewind(self, length: Array) -> "RowCache":
    return self._replace(length=jnp.minimum(self.length, length))

  def rewind_forks(self, length: Array, forks: Array) -> "RowCache":
    del forks  # nothing is shared
    return self.rewind(length)

  def load(self, nodes: Parents) -> "RowCache":
    return jax.tree.map(lambda leaf: take_rows(leaf, nodes), self)

  def put(self, rows: "RowCache", places: Array) -> "RowCache":
    return jax.tree.map(lambda old, new: put_rows(old, new, places), self, rows)


@dataclasses.dataclass(frozen=True)
class Contiguous:
  """The layout of `RowCache`."""

  def empty_rows(
    self,
    config: config_lib.TransformerConfig,
    batch: int,
    rows: int,
    slots: int,
  ) -> RowCache:
    slots = -(-slots // forks.SLOT_BLOCKS) * forks.SLOT_BLOCKS
    heads = (batch, rows, config.num_kv_heads)
    zeros = lambda *size: jnp.zeros((*heads, *size), config.jax_dtype)
    return RowCache(
      layers=tuple(
        KeyValue(zeros(config.head_dim, slots), zeros(slots, config.head_dim))
        for _ in range(config.num_layers)
      ),
      length=jnp.zeros((batch, rows), jnp.int32),
    )


CONTIGUOUS: Layout = Contiguous()


def take(rows: RowCache, parents: Parents) -> RowCache:
  """Row j of the result is a copy of row `parents[:, j]`."""
  if parents.shape != rows.length.shape:
    return rows.load(parents)
  used = jnp.max(rows.length)
  slot_axes = (4, 3)  # of keys and of values
  layers = forks.in_place(rows.layers, slot_axes, used, parents, take_rows)
  return RowCache(layers, take_rows(rows.length, parents))


def take_rows(leaf: Array, parents: Parents) -> Array:
  """Gathers axis 1 of one leaf [B, N, ...] by [B, M] parents."""
  return jax.vmap(lambda x, i: x[i])(leaf, parents)


def put_rows(store: Array, rows: Array, places: Array) -> Array:
  """Enters [B, N, ...] at places [B, N] of axis 1; those out of range drop."""
  enter = lambda old, new, at: old.at[at].set(new, mode="drop")
  return jax.vmap(enter)(store, rows, places)


def _per_query(seen: Array, group: int) -> Array:
  """[B, N, C, slots] -> [B, N, 1, C * group, slots], as the scores have it."""
  count = group if seen.shape[2] > 1 else 1
  return jnp.repeat(seen, count, axis=2)[:, :, None]


class CachedRows(NamedTuple):
  """Context of one layer while rows are extended by up to C tokens.

  Query c of a row sees its problem's prompt, the row's earlier tokens, and the
  new tokens up to itself. Tokens past `num_new` are neither written nor meant
  to be read.
  """

  prompt: KeyValue  # [B, kv_heads, P, h]
  rows: KeyValue  # as in `RowCache.layers`
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
    """Rows with the new keys and values [B, N, C, kv_heads, h] in place."""
    slots = self.rows.value.shape[3]
    written = self.offset < self.num_new[..., None]
    slot = jnp.where(written, self.slot, slots)  # out of range: dropped
    b = jnp.arange(slot.shape[0])[:, None, None]
    n = jnp.arange(slot.shape[1])[None, :, None]
    return KeyValue(
      self.rows.key.at[b, n, :, :, slot].set(new.key, mode="drop"),
      self.rows.value.at[b, n, :, slot].set(new.value, mode="drop"),
    )

  def _seen(
    self, prompt_slots: int, slots: int, window: int
  ) -> tuple[Array, Array]:
    """Which slots of prompt and row each query sees: [B, N | 1, C | 1, slots].

    The prompt's are the same for all queries where no window moves with them.
    """
    place = jnp.arange(prompt_slots)
    on_prompt = (place < self.prompt_length[:, None])[:, None, None]
    on_rows = jnp.arange(slots) <= self.slot[..., None]
    if window:
      on_prompt &= place > self.positions[..., None] - window
      on_rows &= jnp.arange(slots) > self.slot[..., None] - window
    return on_prompt, on_rows

  def attend(
    self, query: Array, new: KeyValue, window: int = 0
  ) -> tuple[Array, KeyValue]:
    rows = self.write(new)
    batch, num_rows, count, heads, head_dim = query.shape
    kv_heads, slots = rows.value.shape[2:4]
    group = heads // kv_heads
    q = query.reshape(batch, num_rows, count, kv_heads, group, head_dim)
    # The queries that share a key: one [count * group, h] matrix per kv head.
    q = jnp.moveaxis(q * head_dim**-0.5, 3, 2).reshape(
      batch, num_rows, kv_heads, count * group, head_dim
    )
    f32 = {"preferred_element_type": jnp.float32}
    on_prompt = jnp.einsum("bnkqh,bkph->bnkqp", q, self.prompt.key, **f32)
    on_rows = jnp.einsum("bnkqh,bnkhs->bnkqs", q, rows.key, **f32)
    prompt_slots = self.prompt.key.shape[2]
    sees_prompt, sees_rows = (
      _per_query(seen, group)
      for seen in self._seen(prompt_slots, slots, window)
    )
    logits = jnp.concatenate(
      [
        jnp.where(sees_prompt, on_prompt, attention.NEGATIVE),
        jnp.where(sees_rows, on_rows, attention.NEGATIVE),
      ],
      axis=-1,
    )
    weights = jax.nn.softmax(logits, axis=-1).astype(query.dtype)
    on_prompt, on_rows = jnp.split(weights, [prompt_slots], axis=-1)
    out = jnp.einsum("bnkqp,bkph->bnkqh", on_prompt, self.prompt.value)
    out += jnp.einsum("bnkqs,bnksh->bnkqh", on_rows, rows.value)
    out = out.reshape(batch, num_rows, kv_heads, count, group, head_dim)
    return jnp.moveaxis(out, 2, 3).reshape(query.shape), rows
