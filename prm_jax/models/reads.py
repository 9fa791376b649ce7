"""Values at a few places of whole texts; the head sees only these."""

from typing import cast

import jax.numpy as jnp

from prm_jax.models import heads, lm
from prm_jax.types import Array, Params


def scores(
  model: lm.Model, params: Params, tokens: Array, length: Array, reads: Array
) -> Array:
  """What the value head says at places of right-padded texts, in one forward.

  Args:
    model: has a value head.
    params: its parameters.
    tokens: [b, t] int32.
    length: [b] int32 tokens in use.
    reads: [b, k] int32 places, each below its text's length.

  Returns:
    [b, k] float32 scores, see `heads.to_probability`.
  """
  out = model.apply(params, tokens, length, reads, method=_values_at)
  return heads.to_probability(cast(Array, out), model.config)


def _values_at(
  model: lm.Model, tokens: Array, length: Array, reads: Array
) -> Array:
  positions = jnp.broadcast_to(jnp.arange(tokens.shape[1]), tokens.shape)
  segment_ids = (positions < length[:, None]).astype(jnp.int32)
  hidden = model.trunk(tokens, positions, segment_ids)
  return model.values(jnp.take_along_axis(hidden, reads[..., None], axis=1))
