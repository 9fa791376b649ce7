"""How a prefix gets its score when a step ends.

A scorer keeps what it needs per problem and per row, reads only the step just
written, and returns a probability. Its row state is forked with the row.
"""

import dataclasses
from collections.abc import Callable
from typing import (
  Any,
  NamedTuple,
  Protocol,
  TypeAlias,
  runtime_checkable,
)

import jax
import jax.numpy as jnp
import numpy as np

from prm_jax.decode import reading
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


# `(model, params, hidden [..., d]) -> [...]` float32.
HeadFn: TypeAlias = Callable[[lm.Model, Params, Array], Array]


def value_head(model: lm.Model, params: Params, hidden: Array) -> Array:
  """What the model's own value head says, as a probability."""
  values = lm.values(model, params, hidden)
  return heads.to_probability(values, model.config)


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
    score = value_head(self.policy, params["policy"], step.hidden)
    return score, jnp.zeros(step.length.shape, jnp.int32), rows


@dataclasses.dataclass(frozen=True)
class ModelScorer:
  """A second model with its own cache, fed only the new step.

  Attributes:
    verifier: the model.
    chunk: see `reading.Reader`.
    parts: see there.
    layout: of its cache.
    head_fn: a score from a hidden state.
  """

  verifier: lm.Model
  chunk: int = 10
  parts: int = 8
  layout: cache.Layout = cache.CONTIGUOUS
  head_fn: HeadFn = value_head

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
    hidden, rows = reading.Reader(self.verifier, self.chunk, self.parts)(
      params["verifier"],
      reading.Texts(step.tokens, step.start, step.length),
      prompt,
      rows,
      jnp.zeros((*num_new.shape, config.embed_dim), config.jax_dtype),
    )
    score = self.head_fn(self.verifier, params["verifier"], hidden)
    return score, num_new, rows

  def of_prompts(
    self, params: Params, prompts: Array, prompt_length: Array
  ) -> Array:
    """Scores [B] of prompts [B, P], read at their last tokens."""
    hidden, _ = lm.read_prompts(
      self.verifier, params["verifier"], prompts, prompt_length
    )
    return self.head_fn(self.verifier, params["verifier"], hidden)


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
