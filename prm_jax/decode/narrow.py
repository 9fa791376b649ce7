"""Steps that see no more of the caches than has been written.

Attention reads every slot of a cache, written or not. While rows are short, a
step runs on the first part of the slots: a program of its own for each of a
few sizes, of which the smallest that holds the step is taken. Cutting a part
off and putting it back costs as much as one token.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp

from prm_jax.decode import state as state_lib
from prm_jax.search import base
from prm_jax.types import Array

PARTS = 4  # sizes, each compiled by itself
LEAST = 64  # slots of a part; there the rest of a token's time outweighs
SHORT = 16  # tokens; a step of fewer gains less than cutting costs


def sizes(slots: int) -> list[int]:
  """Slots that a step may run on, in order; the last are all."""
  parts = max(min(PARTS, slots // LEAST), 1)
  return [-(-slots * part // parts) for part in range(1, parts + 1)]


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
    index = jnp.sum(reach > jnp.array(parts[:-1]))
    return jax.lax.switch(
      index,
      [functools.partial(_run, step_fn, part) for part in parts[:-1]]
      + [step_fn],
      params,
      keys,
      state,
      active,
    )

  return narrow_step_fn


def _run(
  step_fn: base.StepFn,
  slots: int,
  params: Any,
  keys: Array,
  state: state_lib.DecodeState,
  active: Array | None,
) -> tuple[base.StepOutput, state_lib.DecodeState]:
  part = state_lib.map_caches(lambda rows: rows.narrow(slots), state)
  output, part = step_fn(params, keys, part, active)
  return output, state_lib.map_caches(
    lambda wide, rows: wide.widen(rows), state, part
  )
