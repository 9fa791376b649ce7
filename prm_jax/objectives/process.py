"""Step labels: n-way cross-entropy at the position where a step is read.

Classes are ordered from bad to good: 0 is «wrong», the last is «right», and
with three classes 1 is «neutral» (PRM800K, arXiv 2305.20050).
"""

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Float, Int

from prm_jax import metrics
from prm_jax.objectives import reduction

Array = jax.Array

WRONG = 0


def hard_cross_entropy(
  logits: Float[Array, "*b t c"],
  targets: Int[Array, "*b t"],
  weights: Float[Array, "*b t"],
) -> tuple[metrics.Mean, dict[str, metrics.Mean]]:
  """Cross-entropy with one class per step, in nats.

  Args:
    logits: [*b, t, c] outputs of the step head.
    targets: [*b, t] class of the step that is read at t.
    weights: [*b, t] 0 where no step is read or its label is not to be used.

  Returns:
    The loss, and the metrics `loss`, `accuracy`, `value` (mean probability
    of not wrong) and `target` (share of labels that are not wrong).
  """
  targets = reduction.hide(targets, weights)
  classes = jax.nn.one_hot(targets, logits.shape[-1], dtype=weights.dtype)
  return distribution_cross_entropy(logits, classes, weights)


def soft_cross_entropy(
  logits: Float[Array, "*b t c=2"],
  targets: Float[Array, "*b t"],
  weights: Float[Array, "*b t"],
) -> tuple[metrics.Mean, dict[str, metrics.Mean]]:
  """Cross-entropy of a two-class head with the probability of «right».

  Args:
    logits: [*b, t, 2] outputs of the step head.
    targets: [*b, t] in [0, 1], for example a Monte-Carlo fraction.
    weights: [*b, t] 0 where no step is read.

  Returns:
    As `hard_cross_entropy`.
  """
  targets = reduction.hide(targets, weights)
  classes = jnp.stack([1 - targets, targets], axis=-1)
  return distribution_cross_entropy(logits, classes, weights)


def distribution_cross_entropy(
  logits: Float[Array, "*b t c"],
  targets: Float[Array, "*b t c"],
  weights: Float[Array, "*b t"],
) -> tuple[metrics.Mean, dict[str, metrics.Mean]]:
  """Cross-entropy with a distribution over the classes per step, in nats.

    loss_t = -sum_c target_tc log softmax(logits_t)_c

  Args:
    logits: [*b, t, c] outputs of the step head.
    targets: [*b, t, c] shares of the annotators or rollouts, summing to 1.
    weights: [*b, t] 0 where no step is read.

  Returns:
    As `hard_cross_entropy`; `accuracy` compares the arg maxes.
  """
  logits = reduction.hide(reduction.at_least_float32(logits), weights)
  targets = reduction.hide(targets, weights)
  losses = optax.softmax_cross_entropy(logits, targets)
  hits = jnp.argmax(logits, axis=-1) == jnp.argmax(targets, axis=-1)
  loss = reduction.weighted(losses, weights)
  right = 1 - targets[..., WRONG]
  return loss, {
    "loss": loss,
    "accuracy": reduction.weighted(hits, weights),
    "value": reduction.weighted(not_wrong(logits), weights),
    "target": reduction.weighted(right, weights),
  }


def not_wrong(logits: Float[Array, "*b t c"]) -> Float[Array, "*b t"]:
  """The step score: neutral counts as right, p = P(right) + P(neutral)."""
  logits = reduction.at_least_float32(logits)
  return jnp.sum(jax.nn.softmax(logits, axis=-1)[..., WRONG + 1 :], axis=-1)


def until_first_error(
  targets: Int[Array, "*b t"], weights: Float[Array, "*b t"]
) -> Float[Array, "*b t"]:
  """Weights that end with the first wrong step of a row.

  What follows a mistake has no well-defined label: such steps are left out of
  the loss, they are not labelled wrong.

  Args:
    targets: [*b, t] classes, one solution per row (before packing).
    weights: [*b, t] 0 where no step is read.

  Returns:
    [*b, t] the weights, 0 after the first supervised `WRONG`.
  """
  wrong = (targets == WRONG) & (weights != 0)
  before = jnp.cumsum(wrong, axis=-1) - wrong
  return jnp.where(before == 0, weights, 0)
