"""The laws that the tokens of rows were drawn from, by a model that reads."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp

from prm_jax.decode import reading, state
from prm_jax.models import cache, lm
from prm_jax.types import Array, Params


@dataclasses.dataclass(frozen=True)
class LawReader:
  """A model beside the one that writes, with a cache of its own.

  Attributes:
    model: has an LM head.
    layout: of its cache.
  """

  model: lm.Model
  layout: cache.Layout = cache.CONTIGUOUS

  def start(
    self,
    params: Params,
    prompts: Array,
    prompt_length: Array,
    num_rows: int,
    max_tokens: int,
  ) -> tuple[state.Second, state.Second]:
    """What it knows of the prompts [B, P], and rows with nothing read."""
    read = lm.read_prompts(self.model, params, prompts, prompt_length)
    config = self.model.config.transformer
    shape = (prompts.shape[0], num_rows)
    nothing = jnp.zeros((*shape, config.embed_dim), config.jax_dtype)
    rows = self.layout.empty_rows(config, *shape, max_tokens)
    return state.Second(*read), state.Second(nothing, rows)

  def __call__(
    self,
    params: Params,
    tokens: Array,
    count: Array,
    prompt: state.Second,
    rows: Any,
  ) -> tuple[Array, state.Second]:
    """Logits [B, N, C, v] that the tokens were drawn from, and longer rows.

    Args:
      params: of the model.
      tokens: [B, N, C] the next ones of the rows.
      count: [B, N] how many of them there are.
      prompt: of each problem.
      rows: what has been read of each row.
    """
    at_prompt = (rows.cache.length == 0)[..., None]
    before = jnp.where(at_prompt, prompt.hidden[:, None], rows.hidden)
    new, own = lm.extend_rows(
      self.model, params, tokens, count, prompt.cache, rows.cache
    )
    all_ = jnp.concatenate([before[:, :, None], new], axis=2)
    last = jnp.take_along_axis(all_, count[..., None, None], axis=2)[:, :, 0]
    logits = lm.logits(self.model, params, all_[:, :, :-1])
    return logits, state.Second(last, own)


class Rows(NamedTuple):
  """What is known of rows that several readers have read."""

  total: Any  # a pytree of [B, N, ...]
  readers: tuple[state.Second, ...]


# `(total, chunk, logits [B, N, C, v] of each reader) -> total`.
AddFn: TypeAlias = Callable[[Any, reading.Chunk, Sequence[Array]], Any]


def read(
  readers: Sequence[tuple[LawReader, Params]],
  texts: reading.Texts,
  size: int,
  prompt: Sequence[state.Second],
  rows: Rows,
  add_fn: AddFn,
) -> Rows:
  """Adds up what the laws of new tokens say, chunk by chunk.

  Args:
    readers: each with its parameters.
    texts: what to read; `rows` hold what stands before.
    size: tokens read at once.
    prompt: of each problem, by each reader.
    rows: the readers' own, and the total so far.
    add_fn: adds a chunk, of which some tokens may not be there.
  """

  def step(carry: tuple[Array, Rows]) -> tuple[Array, Rows]:
    done, rows = carry
    chunk = texts.chunk(done, size)
    logits, known = [], []
    sides = zip(readers, prompt, rows.readers, strict=True)
    for (reader, params), asked, own in sides:
      law, own = reader(params, chunk.tokens, chunk.num, asked, own)
      logits.append(law)
      known.append(own)
    total = add_fn(rows.total, chunk, logits)
    return done + chunk.num, Rows(total, tuple(known))

  num_new = texts.length - texts.start
  _, rows = jax.lax.while_loop(
    lambda carry: jnp.any(carry[0] < num_new),
    step,
    (jnp.zeros_like(num_new), rows),
  )
  return rows
