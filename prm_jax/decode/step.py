"""The step function: every row writes one reasoning step, then is scored."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp

from prm_jax.decode import sampling, scoring
from prm_jax.decode import state as state_lib
from prm_jax.models import cache, lm
from prm_jax.search import base
from prm_jax.types import Array, Params, PRNGKeys


@dataclasses.dataclass(frozen=True)
class StepFormat:
  """Which tokens end a step and a solution, and how long a step may be.

  A step that reaches `max_step_tokens` ends there; a row that fills its slots
  is done.
  """

  step_ids: tuple[int, ...]
  eos_id: int
  max_step_tokens: int


class _Writing(NamedTuple):
  """Loop carry while a step is written."""

  rows: state_lib.Rows
  active: Array  # [B, N] still inside this step
  log_prob: Array  # [B, N]
  log_ratio: Array  # [B, N]
  iteration: Array  # [] int32
  depth: Array  # [B] int32 iterations in which the problem had active rows


def token_uniforms(row_keys: Array, position: Array) -> Array:
  """One uniform per row from its step key and its position, both [B, N]."""
  draw = lambda key, place: jax.random.uniform(jax.random.fold_in(key, place))
  return jax.vmap(jax.vmap(draw))(row_keys, position)


def row_keys(keys: PRNGKeys, num_rows: int) -> Array:
  """[B] step keys -> [B, N] keys, row index folded in."""
  fold = jax.vmap(jax.random.fold_in, in_axes=(None, 0))
  return jax.vmap(fold, in_axes=(0, None))(keys, jnp.arange(num_rows))


def make_step_fn(
  policy: lm.Model,
  scorer: scoring.Scorer,
  sampler: sampling.SamplerConfig,
  step_format: StepFormat,
) -> base.StepFn:
  """Binds models to the one signature that search knows.

  `params` of the result is {"policy": ..., "verifier": ...}, the embedding a
  `DecodeState`. The rows of all problems write in one loop that ends when the
  last of them has ended its step; `iterations` counts, per problem, those in
  which it still had a row writing.
  """
  write = _Writer(policy, sampler, step_format)

  def step_fn(params: Params, keys: PRNGKeys, state: state_lib.DecodeState):
    before = state.rows
    own_keys = row_keys(keys, before.length.shape[1])
    writing = jax.lax.while_loop(
      lambda carry: jnp.any(carry.active),
      lambda carry: write(params, own_keys, state.policy_prompt, carry),
      _start(before),
    )
    rows = writing.rows
    new = scoring.NewStep(rows.tokens, before.length, rows.length, rows.hidden)
    score, num_read, verifier_rows = scorer.score(
      params, new, state.verifier_prompt, before.verifier
    )
    rows = rows._replace(
      score=jnp.where(before.done, before.score, score),
      verifier=verifier_rows,
    )
    output = base.StepOutput(
      score=rows.score,
      log_prob=writing.log_prob,
      log_ratio=writing.log_ratio,
      num_tokens=rows.length - before.length,
      verifier_tokens=num_read,
      done=rows.done,
      iterations=writing.depth,
    )
    return output, state._replace(rows=rows)

  return step_fn


def _start(rows: state_lib.Rows) -> _Writing:
  shape = rows.length.shape
  zeros = jnp.zeros(shape, jnp.float32)
  none = jnp.zeros(shape[0], jnp.int32)
  return _Writing(rows, ~rows.done, zeros, zeros, jnp.int32(0), none)


@dataclasses.dataclass(frozen=True)
class _Writer:
  """One token for every row that is still inside its step."""

  policy: lm.Model
  sampler: sampling.SamplerConfig
  step_format: StepFormat

  def __call__(
    self,
    params: Params,
    keys: Array,
    prompt: cache.PromptCache,
    carry: _Writing,
  ) -> _Writing:
    rows, active = carry.rows, carry.active
    logits = lm.logits(self.policy, params["policy"], rows.hidden)
    uniform = token_uniforms(keys, rows.length)
    token, log_prob, log_ratio = sampling.sample(logits, uniform, self.sampler)
    rows = _append(self.policy, params, prompt, rows, token, active)
    at_eos = active & (token == self.step_format.eos_id)
    ends = at_eos | jnp.isin(token, jnp.asarray(self.step_format.step_ids))
    # All rows began this step together: iterations are tokens of the step.
    ends |= carry.iteration + 1 >= self.step_format.max_step_tokens
    full = rows.length >= rows.tokens.shape[-1]
    return _Writing(
      rows=rows._replace(done=rows.done | at_eos | (active & full)),
      active=active & ~ends & ~full,
      log_prob=carry.log_prob + jnp.where(active, log_prob, 0),
      log_ratio=carry.log_ratio + jnp.where(active, log_ratio, 0),
      iteration=carry.iteration + 1,
      depth=carry.depth + jnp.any(active, axis=1),
    )


def _append(policy, params, prompt, rows, token, active):
  """Appends one token to the active rows and feeds it to the policy."""
  batch, num_rows, slots = rows.tokens.shape
  place = jnp.where(active, rows.length, slots)  # out of range: dropped
  b, n = jnp.arange(batch)[:, None], jnp.arange(num_rows)[None]
  tokens = rows.tokens.at[b, n, place].set(token, mode="drop")
  hidden, policy_rows = lm.extend_rows(
    policy,
    params["policy"],
    token[..., None],
    active.astype(jnp.int32),
    prompt,
    rows.policy,
  )
  return rows._replace(
    tokens=tokens,
    length=rows.length + active,
    hidden=jnp.where(active[..., None], hidden[:, :, 0], rows.hidden),
    policy=policy_rows,
  )
