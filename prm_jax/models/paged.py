"""The key-value cache in pages: rows hold page numbers, a problem the pages.

A row's tokens lie in pages of a pool that belongs to its problem; full pages
are shared by all rows that descend from the one that wrote them. A fork copies
page numbers and, of the last page if it is not full, the page: a row alone may
write to its last page. Pages that no table names are free again.

The default size of the pool, as many pages as the rows of `empty_rows` can
fill, suffices for no more rows than that. A smaller pool may run out: then
`overflow` is set for good, and the problem's results mean nothing.

A store (of nodes of a tree, say) is a cache of more rows than are extended:
`load` copies some to a working set, `put` enters them again. In between the
pool moves along and the store, whose pages are held, is not to be used;
`overflow` tells of a set put into a store that had moved on.
"""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp

from prm_jax.models import cache
from prm_jax.models import config as config_lib
from prm_jax.types import Array, Parents

KeyValue = cache.KeyValue

# `(layer, query [B, N, C, heads, h], new, window) -> out like query`. The
# pages hold the new keys and values already.
ReadFn: TypeAlias = Callable[["PagedLayer", Array, KeyValue, int], Array]


class PagedLayer(NamedTuple):
  """Context of one layer while rows are extended, see `cache.CachedRows`."""

  prompt: KeyValue  # [B, kv_heads, prompt slots, h]
  pages: KeyValue  # [B, pages, kv_heads, page, h]
  table: Array  # [B, N, P]
  prompt_length: Array  # [B]
  row_length: Array  # [B, N], before the new tokens
  num_new: Array  # [B, N]
  offset: Array  # [C]
  read_fn: jax.tree_util.Partial

  @property
  def slot(self) -> Array:
    """[B, N, C] where each new token goes in its row."""
    return self.row_length[..., None] + self.offset

  @property
  def positions(self) -> Array:
    return self.prompt_length[:, None, None] + self.slot

  def attend(
    self, query: Array, new: KeyValue, window: int = 0
  ) -> tuple[Array, KeyValue]:
    layer = self._replace(pages=self._write(new))
    return self.read_fn(layer, query, new, window), layer.pages

  def _write(self, new: KeyValue) -> KeyValue:
    """Pages with the new keys and values [B, N, C, kv_heads, h] in place."""
    num_pages, _, page, _ = self.pages.key.shape[1:]
    slots = self.table.shape[2] * page
    written = (self.offset < self.num_new[..., None]) & (self.slot < slots)
    place = jnp.minimum(self.slot, slots - 1)
    number = jnp.take_along_axis(self.table, place // page, axis=2)
    number = jnp.where(written, number, num_pages)  # out of range: dropped
    b = jnp.arange(number.shape[0])[:, None, None]
    return jax.tree.map(
      lambda old, fresh: old.at[b, number, :, place % page].set(
        fresh, mode="drop"
      ),
      self.pages,
      new,
    )


def gather_pages(
  layer: PagedLayer, query: Array, new: KeyValue, window: int
) -> Array:
  """Reads a copy of the rows' pages laid end to end: for any device."""

  def rows(leaf):
    found = jax.vmap(lambda pages, table: pages[table])(leaf, layer.table)
    found = jnp.moveaxis(found, 3, 2)  # [B, N, kv_heads, P, page, h]
    return found.reshape(*found.shape[:3], -1, found.shape[-1])

  keys = jnp.swapaxes(rows(layer.pages.key), -1, -2)
  contiguous = cache.CachedRows(
    layer.prompt,
    KeyValue(keys, rows(layer.pages.value)),
    layer.prompt_length,
    layer.row_length,
    layer.num_new,
    layer.offset,
  )
  return contiguous.attend(query, new, window)[0]


class PagedRows(NamedTuple):
  """Rows of page numbers, see `cache.Rows`; a number out of range: no page.

  A page is free where `refs` is 0; `refs` counts the tables that name it and,
  in a set that was loaded from a store, those of the store.
  """

  layers: tuple[KeyValue, ...]  # leaves [B, pages, kv_heads, page, h]
  table: Array  # [B, N, P] int32
  length: Array  # [B, N] int32 tokens written
  refs: Array  # [B, pages] int32
  held: Array  # [B, pages] int32, the part of `refs` of the store
  version: Array  # [B] int32, of the store, counted by `put`
  overflow: Array  # [B] bool
  read_fn: jax.tree_util.Partial

  @property
  def page(self) -> int:
    return self.layers[0].key.shape[3]

  def open(
    self, prompt: cache.PromptCache, num_new: Array, count: int
  ) -> tuple["PagedRows", list[PagedLayer]]:
    rows = self._reserve(num_new, count)
    offset = jnp.arange(count)
    return rows, [
      PagedLayer(
        shared, own, rows.table, prompt.length, rows.length, num_new, offset,
        rows.read_fn,
      )
      for shared, own in zip(prompt.layers, rows.layers, strict=True)
    ]  # fmt: skip

  def close(self, layers: tuple[KeyValue, ...], num_new: Array) -> "PagedRows":
    return self._replace(layers=layers, length=self.length + num_new)

  def take(self, parents: Parents) -> "PagedRows":
    rows = self._at(parents, self.held)
    # Of all children of a row the first has its last page, the others copies.
    num = parents.shape[1]
    order = jnp.broadcast_to(jnp.arange(num), parents.shape)
    first = jnp.full(self.length.shape, num)
    first = jax.vmap(lambda f, p, o: f.at[p].min(o))(first, parents, order)
    return rows._own_last_pages(cache.take_rows(first, parents) != order)

  def clear(self, problems: Array) -> "PagedRows":
    rows = self._replace(overflow=self.overflow & ~problems)
    return rows.rewind(self.length * ~problems[:, None])

  def narrow(self, cut: int) -> "PagedRows":
    return self._replace(table=self.table[:, :, : -(cut // self.page) or None])

  def widen(self, part: "PagedRows") -> "PagedRows":
    count = part.table.shape[2]
    return part._replace(table=self.table.at[:, :, :count].set(part.table))

  def rewind(self, length: Array) -> "PagedRows":
    length = jnp.minimum(self.length, length)
    used = -(-length // self.page)[..., None]
    kept = jnp.arange(self.table.shape[2]) < used
    table = jnp.where(kept, self.table, self.refs.shape[1])
    refs = self.held + _count(table, self.refs)
    return self._replace(table=table, length=length, refs=refs)

  def rewind_forks(self, length: Array, forks: Array) -> "PagedRows":
    return self.rewind(length)._own_last_pages(forks)

  def load(self, nodes: Parents) -> "PagedRows":
    rows = self._at(nodes, self.refs)
    return rows._own_last_pages(jnp.ones(nodes.shape, bool))

  def put(self, rows: "PagedRows", places: Array) -> "PagedRows":
    enter = jax.vmap(lambda old, new, at: old.at[at].set(new, mode="drop"))
    table = enter(self.table, rows.table, places)
    return self._replace(
      layers=rows.layers,
      table=table,
      length=enter(self.length, rows.length, places),
      refs=self.held + _count(table, self.refs),
      version=self.version + 1,
      overflow=self.overflow | rows.overflow | (self.version != rows.version),
    )

  def _at(self, parents: Parents, held: Array) -> "PagedRows":
    """Rows whose last pages may still be shared."""
    table = cache.take_rows(self.table, parents)
    return self._replace(
      table=table,
      length=cache.take_rows(self.length, parents),
      refs=held + _count(table, self.refs),
      held=held,
    )

  def _own_last_pages(self, copied: Array) -> "PagedRows":
    """Gives the rows `copied` [B, N] pages of their own to go on in."""
    last = self.length // self.page
    partial = (self.length % self.page > 0) & (last < self.table.shape[2])
    copied = copied & partial
    last = jnp.minimum(last, self.table.shape[2] - 1)[..., None]
    old = jnp.take_along_axis(self.table, last, axis=2)[..., 0]
    new, rows = self._allocate(copied)
    b = jnp.arange(old.shape[0])[:, None]
    num_pages = self.refs.shape[1]
    entry = jnp.where(copied, new, old)
    return rows._replace(
      table=jnp.put_along_axis(
        self.table, last, entry[..., None], axis=2, inplace=False
      ),
      refs=rows.refs.at[b, jnp.where(copied, old, num_pages)].add(
        -1, mode="drop"
      ),
      layers=jax.tree.map(
        lambda leaf: leaf.at[b, new].set(leaf[b, old], mode="drop"),
        self.layers,
      ),
    )

  def _reserve(self, num_new: Array, count: int) -> "PagedRows":
    """Names the pages that up to `count` new tokens of each row need."""
    size = self.table.shape[2]
    pages = lambda length: jnp.minimum(-(-length // self.page), size)
    begin, end = pages(self.length), pages(self.length + num_new)
    index = begin[..., None] + jnp.arange(-(-count // self.page))
    wanted = index < end[..., None]  # [B, N, J]
    new, rows = self._allocate(wanted.reshape(wanted.shape[0], -1))
    b = jnp.arange(wanted.shape[0])[:, None, None]
    n = jnp.arange(wanted.shape[1])[None, :, None]
    place = jnp.where(wanted, index, size)  # out of range: dropped
    return rows._replace(
      table=self.table.at[b, n, place].set(
        new.reshape(wanted.shape), mode="drop"
      )
    )

  def _allocate(self, wanted: Array) -> tuple[Array, "PagedRows"]:
    """A free page for each of `wanted` [B, K], a number out of range if not."""
    num_pages = self.refs.shape[1]
    free = self.refs == 0
    b = jnp.arange(wanted.shape[0])[:, None]
    place = jnp.where(free, jnp.cumsum(free, axis=1) - 1, num_pages)
    numbers = jnp.full(free.shape, num_pages)  # of the free pages, in order
    numbers = numbers.at[b, place].set(jnp.arange(num_pages), mode="drop")
    rank = jnp.cumsum(wanted, axis=1) - 1
    enough = rank < jnp.sum(free, axis=1, keepdims=True)
    taken = jnp.take_along_axis(
      numbers, jnp.clip(rank, 0, num_pages - 1), axis=1
    )
    taken = jnp.where(wanted & enough, taken, num_pages)
    return taken, self._replace(
      refs=self.refs.at[b, taken].add(1, mode="drop"),
      overflow=self.overflow | jnp.any(wanted & ~enough, axis=1),
    )


def _count(table: Array, like: Array) -> Array:
  """[B, pages] how often each page is named."""
  count = lambda zeros, names: zeros.at[names.reshape(-1)].add(1, mode="drop")
  return jax.vmap(count)(jnp.zeros_like(like), table)


@dataclasses.dataclass(frozen=True)
class Paged:
  """A layout.

  Attributes:
    page: tokens per page.
    pages: of each problem's pool; 0: as many as all rows can fill.
    read_fn: attention; a kernel for a device may stand here.
  """

  page: int = 16
  pages: int = 0
  read_fn: ReadFn = gather_pages

  def empty_rows(
    self,
    config: config_lib.TransformerConfig,
    batch: int,
    rows: int,
    slots: int,
  ) -> PagedRows:
    per_row = -(-slots // self.page)
    pages = self.pages or rows * per_row
    shape = (batch, pages, config.num_kv_heads, self.page, config.head_dim)
    zeros = lambda: jnp.zeros(shape, config.jax_dtype)
    count = lambda: jnp.zeros((batch, pages), jnp.int32)
    return PagedRows(
      layers=tuple(
        KeyValue(zeros(), zeros()) for _ in range(config.num_layers)
      ),
      table=jnp.full((batch, rows, per_row), pages, jnp.int32),
      length=jnp.zeros((batch, rows), jnp.int32),
      refs=count(),
      held=count(),
      version=jnp.zeros(batch, jnp.int32),
      overflow=jnp.zeros(batch, bool),
      read_fn=jax.tree_util.Partial(self.read_fn),
    )
