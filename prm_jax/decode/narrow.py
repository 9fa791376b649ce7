"""Steps that see no more of the caches than they can reach.

Attention reads every slot of a cache, written or not. While rows are short, a
step runs on the first part of the slots: a program of its own for each of a
few sizes, of which the smallest that holds the step is taken. Cutting a part
off and putting it back costs about as much as a token does, and the largest
part that is cut off, half of the slots, is what the memory grows by.

Measured with 32 particles of 4 layers, 128 wide, and a verifier of that size, 8
steps of 64 tokens, one core: 2.5 s with one size, 2.0 s with three.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp

from prm_jax.decode import state as state_lib
from prm_jax.search import base
from prm_jax.types import Array, Params, PRNGKeys

PARTS = 3  # sizes, each compiled by itself
LEAST = 64  # slots of a part; there the rest of a token's time outweighs
SHORT = 16  # tokens; a step of fewer gains less than cutting costs


class _Carry(NamedTuple):
  """Passed through the sizes; the first that fits makes the step."""

  due: Array  # [] bool: the step has not been made yet
  output: base.StepOutput
  state: state_lib.DecodeState


def sizes(slots: int) -> list[int]:
  """Slots that a step may run on: all, a half, a half of that; in order."""
  found = [slots]
  while len(found) < PARTS and found[0] >= 2 * LEAST:
    found.insert(0, -(-found[0] // 2))
  return found


def narrowed(step_fn: base.StepFn, max_step_tokens: int) -> base.StepFn:
  """The same step function, on as many slots as a step may reach.

  Args:
    step_fn: over a `DecodeState`.
    max_step_tokens: that a row writes in one call at most.
  """
  if max_step_tokens < SHORT:
    return step_fn

  def narrow_step_fn(params, keys, state, active=None, /):
    slots = state.rows.tokens.shape[-1]
    parts = sizes(slots)
    if len(parts) == 1:
      return step_fn(params, keys, state, active)
    reach = jnp.max(state.rows.length) + max_step_tokens
    blank, _ = jax.eval_shape(step_fn, params, keys, state, active)
    blank = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), blank)
    carry = _Carry(jnp.bool_(True), blank, state)
    # Loops of one turn: a branch would copy the caches that it changes.
    for part in parts:
      fits = jnp.bool_(True) if part == slots else reach <= part
      step = functools.partial(
        _step, step_fn, params, keys, active, slots - part
      )
      is_due = functools.partial(_is_due, fits)
      carry = jax.lax.while_loop(is_due, step, carry)
    return carry.output, carry.state

  return narrow_step_fn


def _is_due(fits: Array, carry: _Carry) -> Array:
  return carry.due & fits


def _step(
  step_fn: base.StepFn,
  params: Params,
  keys: PRNGKeys,
  active: Array | None,
  cut: int,
  carry: _Carry,
) -> _Carry:
  """The step without the last `cut` slots.

  What a cache has beyond the text, for what a scorer writes behind it and
  forgets again, remains.
  """
  if not cut:
    return _Carry(~carry.due, *step_fn(params, keys, carry.state, active))
  state = state_lib.map_caches(lambda own: own.narrow(cut), carry.state)
  output, state = step_fn(params, keys, state, active)
  state = state_lib.map_caches(
    lambda wide, own: wide.widen(own), carry.state, state
  )
  return _Carry(~carry.due, output, state)
