"""Critical tokens by contrasting two policies (cDPO, arXiv:2411.19943).

One policy is fine-tuned on correct, one on incorrect solutions. If they are
the policy given its outcome, log p_pos - log p_neg of a token is by how much
it raises the log-odds of success.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Float, Int

from prm_jax.objectives import reduction

Array = jax.Array


def estimation(
  positive: Float[Array, "*b v"],
  negative: Float[Array, "*b v"],
  *,
  sharpness: float = 1.0,
) -> Float[Array, "*b v"]:
  """softmax((1 + b) logit_pos - b logit_neg) over the vocabulary."""
  positive = reduction.at_least_float32(positive)
  return jax.nn.softmax(
    (1 + sharpness) * positive - sharpness * negative, axis=-1
  )


def token_weights(
  positive: Float[Array, "*b v"],
  negative: Float[Array, "*b v"],
  tokens: Int[Array, "*b"],
  *,
  sharpness: float = 1.0,
) -> Float[Array, "*b"]:
  """1 - the estimate of the token that was written.

  By these the log-ratios of a rejected solution's tokens are weighed: those
  that a wrong solution turns on count, what both would write does not.

  Args:
    positive: logits at which each token was chosen.
    negative: likewise.
    tokens: that were chosen.
    sharpness: b.
  """
  law = estimation(positive, negative, sharpness=sharpness)
  return 1 - jnp.take_along_axis(law, tokens[..., None], axis=-1)[..., 0]
