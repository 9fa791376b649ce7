"""How sure a policy is of a text: no verifier is needed (arXiv 2502.18581)."""

import jax
import jax.numpy as jnp

from prm_jax import masked
from prm_jax.models import lm
from prm_jax.types import Array, Params


def self_certainty(logits: Array) -> Array:
  """KL(uniform || p) = -(1/V) sum_j log(V p_j) of next-token laws.

  Args:
    logits: [..., v] before temperature and filters: a token that cannot be
      drawn would make it infinite.

  Returns:
    [...] float32 in nats, 0 for the uniform law.
  """
  logits = logits.astype(jnp.float32)
  # The mean of log p, without an array of log p.
  log_mean = jnp.mean(logits, axis=-1) - jax.nn.logsumexp(logits, axis=-1)
  return -log_mean - jnp.log(logits.shape[-1])


def of_texts(
  policy: lm.Model, params: Params, tokens: Array, start: Array, length: Array
) -> Array:
  """Mean self-certainty of the laws that wrote a text's own tokens.

  Args:
    policy: has an LM head.
    params: its parameters.
    tokens: [b, t] int32, prompt and solution, right-padded.
    start: [b] int32 where the solution begins, at least 1.
    length: [b] int32 tokens in use.

  Returns:
    [b] float32, 0 for an empty solution.
  """
  positions = jnp.broadcast_to(jnp.arange(tokens.shape[1]), tokens.shape)
  segment_ids = (positions < length[:, None]).astype(jnp.int32)
  out = lm.forward(policy, params, tokens, positions, segment_ids)
  assert out.logits is not None, "the model has no LM head"
  # The law at a token is that of the next one.
  own = (positions + 1 >= start[:, None]) & (positions + 1 < length[:, None])
  return masked.mean(self_certainty(out.logits), own)
