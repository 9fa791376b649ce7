"""Values as a distribution over bins of [0, 1], whose mean is the score.

A target between the centres of two bins is shared among them so that its mean
is the target ("two-hot", arXiv:2403.03950 compares it with others). The
expected target of several outcomes is then the two-hot code of neither: the
minimiser is their distribution over bins, and its mean is their mean.
"""

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Float

from prm_jax import metrics
from prm_jax.objectives import reduction

Array = jax.Array


def centers(num_bins: int) -> Float[Array, "c"]:
  """Centres of the bins: 0, 1 / (c - 1), ..., 1."""
  return jnp.linspace(0, 1, num_bins)


def two_hot(targets: Float[Array, "*b"], num_bins: int) -> Float[Array, "*b c"]:
  """Shares of the two bins beside each target, those of the others 0.

  Args:
    targets: in [0, 1].
    num_bins: c, at least 2.
  """
  place = jnp.clip(targets, 0, 1) * (num_bins - 1)
  distance = jnp.abs(place[..., None] - jnp.arange(num_bins))
  return jnp.maximum(1 - distance, 0)


def expectation(logits: Float[Array, "*b c"]) -> Float[Array, "*b"]:
  """The score: the mean of the distribution."""
  logits = reduction.at_least_float32(logits)
  return jax.nn.softmax(logits, axis=-1) @ centers(logits.shape[-1])


def cross_entropy(
  logits: Float[Array, "*b t c"],
  targets: Float[Array, "*b t"],
  weights: Float[Array, "*b t"],
) -> tuple[metrics.Mean, dict[str, metrics.Mean]]:
  """Cross-entropy with the two-hot targets, in nats.

  Args:
    logits: [*b, t, c] of the bins.
    targets: [*b, t] in [0, 1].
    weights: [*b, t] 0 where no value is read.

  Returns:
    The loss, and the metrics `loss`, `squared_error`, `value`, `target` of
    the expectations.
  """
  logits = reduction.hide(reduction.at_least_float32(logits), weights)
  targets = reduction.hide(targets, weights).astype(logits.dtype)
  losses = optax.softmax_cross_entropy(
    logits, two_hot(targets, logits.shape[-1])
  )
  values = expectation(logits)
  loss = reduction.weighted(losses, weights)
  return loss, {
    "loss": loss,
    "squared_error": reduction.weighted((values - targets) ** 2, weights),
    "value": reduction.weighted(values, weights),
    "target": reduction.weighted(targets, weights),
  }
