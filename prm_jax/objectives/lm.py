"""Language modelling: weighted next-token cross-entropy."""

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Float, Int

from prm_jax import metrics
from prm_jax.objectives import reduction

Array = jax.Array


def cross_entropy(
  logits: Float[Array, "*b t v"],
  targets: Int[Array, "*b t"],
  weights: Float[Array, "*b t"],
) -> tuple[metrics.Mean, dict[str, metrics.Mean]]:
  """Cross-entropy of the next token, in nats.

    loss = sum_t w_t * -log softmax(logits_t)[target_t] / sum_t w_t

  Args:
    logits: [*b, t, v] model outputs.
    targets: [*b, t] the token that follows position t, already shifted.
    weights: [*b, t] 0 at prompt and padding.

  Returns:
    The loss, and the metrics `loss` and `accuracy` (of the arg max).
  """
  logits = reduction.hide(reduction.at_least_float32(logits), weights)
  targets = reduction.hide(targets, weights)
  losses = optax.softmax_cross_entropy_with_integer_labels(logits, targets)
  hits = jnp.argmax(logits, axis=-1) == targets
  loss = reduction.weighted(losses, weights)
  return loss, {"loss": loss, "accuracy": reduction.weighted(hits, weights)}


def next_tokens(
  tokens: Int[Array, "*b t"],
  segment_ids: Int[Array, "*b t"],
  weights: Float[Array, "*b t"],
) -> tuple[Int[Array, "*b t"], Float[Array, "*b t"]]:
  """Targets and weights of language modelling on the supervised tokens.

  For an auxiliary objective on a batch made for another one: a token with
  weight w is predicted with weight w from the position before it, unless a
  packed neighbour ends there.

  Args:
    tokens: [*b, t].
    segment_ids: [*b, t] 0 at padding.
    weights: [*b, t] weight of each token itself.

  Returns:
    Targets and weights of `cross_entropy`, both [*b, t].
  """

  def shift(values):
    return jnp.concatenate(
      [values[..., 1:], jnp.zeros_like(values[..., :1])], axis=-1
    )

  same = (segment_ids != 0) & (shift(segment_ids) == segment_ids)
  return shift(tokens), jnp.where(same, shift(weights), 0)


def token_log_probs(
  logits: Float[Array, "b t v"],
  tokens: Int[Array, "b t"],
  segment_ids: Int[Array, "b t"],
) -> Float[Array, "b t"]:
  """log p of every token given those before it, in its own place.

  0 for the first token of a segment, which nothing predicts, and at padding.
  """
  logits = reduction.at_least_float32(logits[:, :-1])
  found = -optax.softmax_cross_entropy_with_integer_labels(
    logits, tokens[:, 1:]
  )
  same = (segment_ids[:, 1:] != 0) & (segment_ids[:, 1:] == segment_ids[:, :-1])
  return jnp.pad(jnp.where(same, found, 0), ((0, 0), (1, 0)))
