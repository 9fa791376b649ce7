"""What decoding carries: the prompt once per problem, and the rows."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from prm_jax.models import cache, lm
from prm_jax.types import Array, Params, Parents


class StepRows(NamedTuple):
  """The step at hand of each row; all [B, N]."""

  start: Array  # int32, where it begins
  writing: Array  # bool, not at its end yet
  delimiter: Array  # int32, state of the delimiter automaton
  log_prob: Array  # float32, log q of its tokens
  log_ratio: Array  # float32, log p - log q of its tokens
  cut: Array  # bool, stopped at the token limit


class Rows(NamedTuple):
  """Everything that belongs to a row; every leaf is [B, N, ...]."""

  tokens: Array  # [B, N, S] int32 written so far, 0 beyond `length`
  length: Array  # [B, N] int32
  done: Array  # [B, N] bool
  stop: Array  # [B, N] int32, state of the automaton of stop strings
  step: StepRows
  score: Array  # [B, N] float32, the verifier's last word
  hidden: Array  # [B, N, d] of the last token: the next one comes from it
  policy: cache.RowCache
  verifier: Any  # the scorer's own rows, a pytree of [B, N, ...] leaves


class DecodeState(NamedTuple):
  """The embedding that search hands around without looking inside."""

  rows: Rows
  policy_prompt: cache.PromptCache
  verifier_prompt: Any


def take(state: DecodeState, parents: Parents) -> DecodeState:
  """Forks rows: row j becomes a copy of row `parents[:, j]`."""
  is_cache = lambda node: isinstance(node, cache.RowCache)

  def fork(node):
    take = cache.take if is_cache(node) else cache.take_rows
    return take(node, parents)

  rows = jax.tree.map(fork, state.rows, is_leaf=is_cache)
  return state._replace(rows=rows)


def root(
  policy: lm.Model,
  params: Params,
  prompts: Array,
  prompt_length: Array,
  *,
  num_rows: int,
  max_tokens: int,
  scorer: Any,
) -> DecodeState:
  """Reads each prompt once and opens `num_rows` empty rows on it.

  Args:
    policy: the model that writes.
    params: {"policy": ..., "verifier": ...}; the latter as `scorer` wants it.
    prompts: [B, P] int32, right-padded.
    prompt_length: [B] int32, at least 1.
    num_rows: N.
    max_tokens: S, slots per row.
    scorer: see `scoring`.
  """
  hidden, prompt = lm.read_prompts(
    policy, params["policy"], prompts, prompt_length
  )
  batch = prompts.shape[0]
  config = policy.config.transformer
  shape = (batch, num_rows)
  verifier_prompt, verifier_rows = scorer.start(
    params, prompts, prompt_length, num_rows, max_tokens
  )
  count, zeros = jnp.zeros(shape, jnp.int32), jnp.zeros(shape, jnp.float32)
  false = jnp.zeros(shape, bool)
  rows = Rows(
    tokens=jnp.zeros((*shape, max_tokens), jnp.int32),
    length=count,
    done=false,
    stop=count,
    step=StepRows(count, false, count, zeros, zeros, false),
    score=zeros,
    hidden=jnp.broadcast_to(hidden[:, None], (*shape, hidden.shape[-1])),
    policy=cache.empty_rows(config, batch, num_rows, max_tokens),
    verifier=verifier_rows,
  )
  return DecodeState(rows, prompt, verifier_prompt)
