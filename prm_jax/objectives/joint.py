"""A policy and a value learnt together (AlphaMath, arXiv:2405.03553)."""

import jax
from jaxtyping import Float, Int

from prm_jax import metrics
from prm_jax.objectives import lm, reduction, value

Array = jax.Array
_FEW = 1e-3  # beside the number of values, as in the authors' code


def policy_value(
  logits: Float[Array, "*b t v"],
  following: Int[Array, "*b t"],
  policy_weights: Float[Array, "*b t"],
  values: Float[Array, "*b t"],
  targets: Float[Array, "*b t"],
  weights: Float[Array, "*b t"],
  *,
  coefficient: float = 0.01,
) -> tuple[metrics.Mean, dict[str, metrics.Mean]]:
  """L_LM + coefficient * sum_steps (v - Q)^2 / (n + 1e-3) of a batch.

  Each of the two is a mean of its own, so that the loss is one of the batch:
  its count is 1, and micro-batches are batches.

  Args:
    logits: [*b, t, v] of the policy.
    following: [*b, t] the token behind each position.
    policy_weights: [*b, t] 0 but on tokens of correct solutions.
    values: [*b, t] on the scale of the targets, such as tanh of the head.
    targets: [*b, t] Q of the steps; -1 and 1 for wrong and right ends where
      the scale is tanh's.
    weights: [*b, t] 0 where no step ends.
    coefficient: of the values.

  Returns:
    The loss, and the metrics `loss`, `main_loss` and `accuracy` (of tokens),
    `value_squared_error`, `value_value` and `value_target`.
  """
  error, found = value.squared_error(values, targets, weights)
  return reduction.sum_of_means(
    lm.cross_entropy(logits, following, policy_weights),
    (metrics.Mean(error.total, error.count + _FEW), found),
    coefficient=coefficient,
    prefix="value",
  )


def on_tanh_scale(share: Float[Array, "*b"]) -> Float[Array, "*b"]:
  """[0, 1] -> [-1, 1]: the chance of success to its Q."""
  return 2 * reduction.at_least_float32(share) - 1
