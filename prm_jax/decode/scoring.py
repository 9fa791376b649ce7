"""How a prefix gets its score when a step ends.

A scorer keeps what it needs per problem and per row, reads only the step just
written, and returns a probability. Its row state is forked with the row.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np

from prm_jax.models import cache, heads, lm
from prm_jax.types import Array, Params


class NewStep(NamedTuple):
  """The step that rows have just written; nothing for rows done before."""

  tokens: Array  # [B, N, S] all tokens of the rows
  start: Array  # [B, N] where the new step begins
  length: Array  # [B, N] where it ends
  hidden: Array  # [B, N, d] the policy's last hidden state


@runtime_checkable
class Scorer(Protocol):
  """Scores prefixes at step ends."""

  def start(
    self,
    params: Params,
    prompts: Array,
    prompt_length: Array,
    num_rows: int,
    max_tokens: int,
  ) -> tuple[Any, Any]:
    """The per-problem and the per-row state before any step."""
    ...

  def score(
    self, params: Params, step: NewStep, prompt: Any, rows: Any
  ) -> tuple[Array, Array, Any]:
    """Scores [B, N], tokens read [B, N] int32, and the new row state."""
    ...


@dataclasses.dataclass(frozen=True)
class NoScorer:
  """For plain sampling: every score is 0 and costs nothing."""

  def start(self, params, prompts, prompt_length, num_rows, max_tokens):
    del params, prompts, prompt_length, num_rows, max_tokens
    return (), ()

  def score(self, params, step, prompt, rows):
    del params, prompt
    shape = step.length.shape
    return jnp.zeros(shape, jnp.float32), jnp.zeros(shape, jnp.int32), rows


@dataclasses.dataclass(frozen=True)
class TrunkScorer:
  """A value head on the policy's own trunk: one more matrix product."""

  policy: lm.Model

  def start(self, params, prompts, prompt_length, num_rows, max_tokens):
    del params, prompts, prompt_length, num_rows, max_tokens
    return (), ()

  def score(self, params, step, prompt, rows):
    del prompt
    values = lm.values(self.policy, params["policy"], step.hidden)
    score = heads.to_probability(values, self.policy.config)
    return score, jnp.zeros(step.length.shape, jnp.int32), rows


class _Reading(NamedTuple):
  """Loop carry while steps are read."""

  done: Array  # [B, N] int32 tokens of the step read so far
  hidden: Array  # [B, N, d] of the last token read
  rows: cache.Rows


@dataclasses.dataclass(frozen=True)
class ModelScorer:
  """A second model with its own cache, fed only the new step.

  Steps are read in chunks, by all rows together while most of them have
  something left, then by a few rows at a time: a single long step does not
  make all rows read padding, nor do the problems that are not ready.

  Attributes:
    verifier: the model.
    chunk: tokens read at once.
    parts: the rows are read in so many parts when most have nothing left
      (if they lie by themselves).
    layout: of its cache.
  """

  verifier: lm.Model
  chunk: int = 10
  parts: int = 8
  layout: cache.Layout = cache.CONTIGUOUS

  def start(self, params, prompts, prompt_length, num_rows, max_tokens):
    _, prompt = lm.read_prompts(
      self.verifier, params["verifier"], prompts, prompt_length
    )
    rows = self.layout.empty_rows(
      self.verifier.config.transformer,
      prompts.shape[0],
      num_rows,
      max_tokens,
    )
    return prompt, rows

  def score(self, params, step, prompt, rows):
    num_new = step.length - step.start
    config = self.verifier.config.transformer
    start = _Reading(
      done=jnp.zeros_like(num_new),
      hidden=jnp.zeros((*num_new.shape, config.embed_dim), config.jax_dtype),
      rows=rows,
    )
    left = lambda carry: jnp.sum(carry.done < num_new)
    read = functools.partial(self._read, params["verifier"])
    divided = isinstance(rows, cache.RowCache)
    carry = jax.lax.while_loop(
      lambda carry: left(carry) > (num_new.size // 2 if divided else 0),
      lambda carry: read(step, prompt, carry),
      start,
    )
    if divided:
      carry = jax.lax.while_loop(
        lambda carry: left(carry) > 0,
        lambda carry: self._read_some(read, step, prompt, carry),
        carry,
      )
    values = lm.values(self.verifier, params["verifier"], carry.hidden)
    score = heads.to_probability(values, self.verifier.config)
    return score, num_new, carry.rows

  def _read(self, params, step, prompt, carry: _Reading) -> _Reading:
    """The next chunk of every row."""
    count = jnp.clip(step.length - step.start - carry.done, 0, self.chunk)
    index = (step.start + carry.done)[..., None] + jnp.arange(self.chunk)
    tokens = jnp.take_along_axis(
      step.tokens, jnp.minimum(index, step.tokens.shape[-1] - 1), axis=-1
    )
    new, rows = lm.extend_rows(
      self.verifier, params, tokens, count, prompt, carry.rows
    )
    last = jnp.maximum(count - 1, 0)[..., None, None]
    new = jnp.take_along_axis(new, last, axis=2)[:, :, 0]
    hidden = jnp.where(count[..., None] > 0, new, carry.hidden)
    return _Reading(carry.done + count, hidden, rows)

  def _read_some(self, read, step, prompt, carry: _Reading) -> _Reading:
    """The next chunk of the rows that have most left."""
    num_rows = step.length.shape[1]
    left = (step.length - step.start - carry.done).reshape(-1)
    _, index = jax.lax.top_k(left, -(-left.size // self.parts))
    problem, row = index // num_rows, index % num_rows
    pick = lambda leaf: leaf[problem, row][:, None]  # rows as problems of one
    few = read(
      jax.tree.map(pick, step),
      jax.tree.map(lambda leaf: leaf[problem], prompt),
      jax.tree.map(pick, carry),
    )
    put = lambda leaf, new: leaf.at[problem, row].set(new[:, 0])
    return jax.tree.map(put, carry, few)


@dataclasses.dataclass(frozen=True)
class OracleScorer:
  """Asks the host for the exact value of each prefix.

  `value_fn(prompts [B, P], prompt_length [B], tokens [B, N, S], length
  [B, N]) -> [B, N] float32`, all numpy. Row state is empty; the problem state
  is the prompt itself.
  """

  value_fn: Callable[..., Any]

  def start(self, params, prompts, prompt_length, num_rows, max_tokens):
    del params, num_rows, max_tokens
    return (prompts, prompt_length), ()

  def score(self, params, step, prompt, rows):
    del params
    score = jax.pure_callback(
      lambda *arrays: self.value_fn(*map(np.asarray, arrays)),
      jax.ShapeDtypeStruct(step.length.shape, jnp.float32),
      *prompt,
      step.tokens,
      step.length,
    )
    return score, jnp.zeros(step.length.shape, jnp.int32), rows
