"""A model reads what another one wrote, as far as it has not read it yet."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from prm_jax.models import cache, lm
from prm_jax.types import Array, Params


class Texts(NamedTuple):
  """Rows of tokens and the part of them that is to be read."""

  tokens: Array  # [B, N, S] all tokens of the rows
  start: Array  # [B, N] where the part begins
  length: Array  # [B, N] where it ends

  def chunk(self, done: Array, size: int) -> "Chunk":
    """What comes when `done` [B, N] of the part are read, `size` at most."""
    index = (self.start + done)[..., None] + jnp.arange(size)
    tokens = jnp.take_along_axis(
      self.tokens, jnp.minimum(index, self.tokens.shape[-1] - 1), axis=-1
    )
    count = jnp.clip(self.length - self.start - done, 0, size)
    return Chunk(tokens, index, count)


class Chunk(NamedTuple):
  """Tokens that are read at once."""

  tokens: Array  # [B, N, C] int32
  places: Array  # [B, N, C] int32 where they stand in their rows
  num: Array  # [B, N] int32 how many there are

  @property
  def is_there(self) -> Array:
    """[B, N, C] bool."""
    return jnp.arange(self.tokens.shape[-1]) < self.num[..., None]


class _Reading(NamedTuple):
  """Loop carry while texts are read."""

  done: Array  # [B, N] int32 tokens read so far
  hidden: Array  # [B, N, d] of the last token read
  rows: cache.Rows


@dataclasses.dataclass(frozen=True)
class Reader:
  """Extends the cache of rows by the tokens of a text.

  Texts are read in chunks, by all rows together while most of them have
  something left, then by a few rows at a time: a single long text does not
  make all rows read padding, nor do the problems that have none.

  Attributes:
    model: that reads.
    chunk: tokens read at once.
    parts: the rows are read in so many parts when most have nothing left
      (if they lie by themselves).
  """

  model: lm.Model
  chunk: int = 10
  parts: int = 8

  def __call__(
    self,
    params: Params,
    texts: Texts,
    prompt: cache.PromptCache,
    rows: cache.Rows,
    hidden: Array,
  ) -> tuple[Array, Any]:
    """Hidden states [B, N, d] at the ends and the longer rows.

    Args:
      params: of the model.
      texts: what to read; `rows` hold what stands before.
      prompt: of each problem.
      rows: the model's own.
      hidden: [B, N, d] kept where there is nothing to read.
    """
    num_new = texts.length - texts.start
    left = lambda carry: jnp.sum(carry.done < num_new)
    divided = isinstance(rows, cache.RowCache)
    carry = jax.lax.while_loop(
      lambda carry: left(carry) > (num_new.size // 2 if divided else 0),
      lambda carry: self._read(params, texts, prompt, carry),
      _Reading(jnp.zeros_like(num_new), hidden, rows),
    )
    if divided:
      carry = jax.lax.while_loop(
        lambda carry: left(carry) > 0,
        lambda carry: self._read_some(params, texts, prompt, carry),
        carry,
      )
    return carry.hidden, carry.rows

  def _read(
    self,
    params: Params,
    texts: Texts,
    prompt: cache.PromptCache,
    carry: _Reading,
  ) -> _Reading:
    """The next chunk of every row."""
    tokens, _, count = texts.chunk(carry.done, self.chunk)
    new, rows = lm.extend_rows(
      self.model, params, tokens, count, prompt, carry.rows
    )
    last = jnp.maximum(count - 1, 0)[..., None, None]
    new = jnp.take_along_axis(new, last, axis=2)[:, :, 0]
    hidden = jnp.where(count[..., None] > 0, new, carry.hidden)
    return _Reading(carry.done + count, hidden, rows)

  def _read_some(
    self,
    params: Params,
    texts: Texts,
    prompt: cache.PromptCache,
    carry: _Reading,
  ) -> _Reading:
    """The next chunk of the rows that have most left."""
    num_rows = texts.length.shape[1]
    left = (texts.length - texts.start - carry.done).reshape(-1)
    _, index = jax.lax.top_k(left, -(-left.size // self.parts))
    problem, row = index // num_rows, index % num_rows
    pick = lambda leaf: leaf[problem, row][:, None]  # rows as problems of one
    few = self._read(
      params,
      jax.tree.map(pick, texts),
      jax.tree.map(lambda leaf: leaf[problem], prompt),
      jax.tree.map(pick, carry),
    )
    put = lambda leaf, new: leaf.at[problem, row].set(new[:, 0])
    return jax.tree.map(put, carry, few)
