"""A verifier that reads solutions in tokens of its own.

Public verifiers have templates, tags and often a tokenizer that the policy
does not share. When steps end, the host writes each row's text as the verifier
wants it, and says up to where; the device compares that with what the row's
cache holds, forgets what differs, and reads the rest. Where a format keeps its
beginning when steps are added, that is the new step alone; where it does not,
as much is read again as has changed. The scores are those of a whole reading
either way.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from prm_jax.decode import reading, scoring
from prm_jax.models import cache, lm
from prm_jax.types import Array, Params, Parents

# `(prompts [B, P], prompt_length [B]) -> (tokens [B, Q], length [B])`, of the
# policy and of the verifier, numpy int32.
PromptFn = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
# `(prompts, prompt_length, tokens [B, N, S], length [B, N]) -> (tokens
# [B, N, V], end [B, N])`: what stands behind the verifier's prompt, and where
# its last step is read; 0 where it cannot be.
RowFn = Callable[..., tuple[np.ndarray, np.ndarray]]


class ReadRows(NamedTuple):
  """A cache and the tokens in it; see `cache.Rows`.

  Tokens behind the cache's length mean nothing, so that going back is a
  matter of the length.
  """

  own: cache.RowCache
  tokens: Array  # [B, N, V] int32

  @property
  def length(self) -> Array:
    return self.own.length

  @property
  def overflow(self) -> Array:
    return self.own.overflow

  def open(self, prompt, num_new, count):
    raise ValueError("the scorer opens the cache itself")

  def close(self, layers, num_new):
    raise ValueError("the scorer closes the cache itself")

  def take(self, parents: Parents) -> "ReadRows":
    tokens = cache.take_rows(self.tokens, parents)
    return ReadRows(self.own.take(parents), tokens)

  def clear(self, problems: Array) -> "ReadRows":
    return self._replace(own=self.own.clear(problems))

  def narrow(self, cut: int) -> "ReadRows":
    del cut  # of other tokens
    return self

  def widen(self, part: "ReadRows") -> "ReadRows":
    return part

  def rewind(self, length: Array) -> "ReadRows":
    return self._replace(own=self.own.rewind(length))

  def rewind_forks(self, length: Array, forks: Array) -> "ReadRows":
    return self._replace(own=self.own.rewind_forks(length, forks))

  def load(self, nodes: Parents) -> "ReadRows":
    tokens = cache.take_rows(self.tokens, nodes)
    return ReadRows(self.own.load(nodes), tokens)

  def put(self, rows: "ReadRows", places: Array) -> "ReadRows":
    tokens = cache.put_rows(self.tokens, rows.tokens, places)
    return ReadRows(self.own.put(rows.own, places), tokens)


class _Problem(NamedTuple):
  """What is known of a problem."""

  prompts: Array  # [B, P] the policy's, by which the host knows it
  prompt_length: Array  # [B]
  read: cache.PromptCache


class _Rows(NamedTuple):
  read: ReadRows
  score: Array  # [B, N] of the last step


@dataclasses.dataclass(frozen=True)
class TextScorer:
  """See the module, and `scoring.Scorer`.

  Attributes:
    verifier: the model.
    prompt_fn: writes problems for it.
    row_fn: writes solutions for it.
    prompt_slots: Q, the most that `prompt_fn` returns.
    row_slots: V, that of `row_fn`.
    head_fn: a score from a hidden state.
    chunk: see `reading.Reader`.
    parts: see there.
  """

  verifier: lm.Model
  prompt_fn: PromptFn
  row_fn: RowFn
  prompt_slots: int
  row_slots: int
  head_fn: scoring.HeadFn = scoring.value_head
  chunk: int = 16
  parts: int = 8

  def start(
    self,
    params: Params,
    prompts: Array,
    prompt_length: Array,
    num_rows: int,
    max_tokens: int,
  ) -> tuple[_Problem, _Rows]:
    del max_tokens  # of the policy
    batch = prompts.shape[0]
    int32 = lambda *shape: jax.ShapeDtypeStruct(shape, jnp.int32)
    tokens, length = jax.pure_callback(
      lambda *arrays: self.prompt_fn(*map(np.asarray, arrays)),
      (int32(batch, self.prompt_slots), int32(batch)),
      prompts,
      prompt_length,
    )
    _, read = lm.read_prompts(self.verifier, params["verifier"], tokens, length)
    shape = (batch, num_rows)
    own = cache.Contiguous().empty_rows(
      self.verifier.config.transformer, batch, num_rows, self.row_slots
    )
    written = jnp.zeros((*shape, self.row_slots), jnp.int32)
    rows = _Rows(ReadRows(own, written), jnp.zeros(shape, jnp.float32))
    return _Problem(prompts, prompt_length, read), rows

  def score(
    self, params: Params, step: scoring.NewStep, prompt: Any, rows: Any
  ) -> tuple[Array, Array, _Rows]:
    tokens, end = self._written(step, prompt)
    had = rows.read.own.length
    wanted = (step.length > step.start) & (end > 0)
    place = jnp.arange(self.row_slots)
    known = (tokens == rows.read.tokens) & (place < had[..., None])
    same = jnp.sum(jnp.cumprod(known, axis=-1), axis=-1)
    # The token that is read goes in again, for its hidden state was not kept.
    start = jnp.where(wanted, jnp.minimum(same, end - 1), had)
    end = jnp.where(wanted, end, start)
    hidden, own = self._read(
      params["verifier"],
      reading.Texts(tokens, start, end),
      prompt.read,
      rows.read.own.rewind(start),
    )
    found = self.head_fn(self.verifier, params["verifier"], hidden)
    unread = step.length > step.start
    score = jnp.where(wanted, found, jnp.where(unread, 0.0, rows.score))
    tokens = jnp.where(wanted[..., None], tokens, rows.read.tokens)
    kept = _Rows(ReadRows(own, tokens), score)
    return score, end - start, kept

  def _written(
    self, step: scoring.NewStep, prompt: _Problem
  ) -> tuple[Array, Array]:
    shape = step.length.shape
    return jax.pure_callback(
      lambda *arrays: self.row_fn(*map(np.asarray, arrays)),
      (
        jax.ShapeDtypeStruct((*shape, self.row_slots), jnp.int32),
        jax.ShapeDtypeStruct(shape, jnp.int32),
      ),
      prompt.prompts,
      prompt.prompt_length,
      step.tokens,
      step.length,
    )

  def _read(
    self,
    params: Params,
    texts: reading.Texts,
    prompt: cache.PromptCache,
    rows: cache.RowCache,
  ) -> tuple[Array, Any]:
    config = self.verifier.config.transformer
    shape = (*texts.length.shape, config.embed_dim)
    return reading.Reader(self.verifier, self.chunk, self.parts)(
      params, texts, prompt, rows, jnp.zeros(shape, config.jax_dtype)
    )
