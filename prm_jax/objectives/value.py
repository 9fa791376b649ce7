"""Value objectives: the probability of a correct final answer, per prefix.

The targets choose the method. The outcome z at the last token is a solution
level outcome verifier (ORM, arXiv 2110.14168); z at every token is OVM
(arXiv 2311.09724) and, since E[z | prefix] = V(prefix), value supervision;
the share of correct samples through the prefix is TVM (arXiv 2407.12863);
Monte-Carlo fractions are soft labels. All have the minimiser V of the policy
that wrote (or completed) the samples, for both losses here.
"""

import jax
import optax
from jaxtyping import Float

from prm_jax import metrics
from prm_jax.objectives import reduction

Array = jax.Array


def squared_error(
  values: Float[Array, "*b t"],
  targets: Float[Array, "*b t"],
  weights: Float[Array, "*b t"],
) -> tuple[metrics.Mean, dict[str, metrics.Mean]]:
  """Squared error of a raw value head: sum_t w_t (v_t - target_t)^2.

  Args:
    values: [*b, t] outputs of the head, no sigmoid (apply it before for a
      head that has one).
    targets: [*b, t] in [0, 1].
    weights: [*b, t] 0 where no value is read.

  Returns:
    The loss, and the metrics `loss`, `squared_error`, `value`, `target`.
  """
  values, targets, errors = _errors(values, targets, weights)
  loss = reduction.weighted(errors, weights)
  return loss, {"loss": loss, **_describe(values, targets, errors, weights)}


def binary_cross_entropy(
  logits: Float[Array, "*b t"],
  targets: Float[Array, "*b t"],
  weights: Float[Array, "*b t"],
) -> tuple[metrics.Mean, dict[str, metrics.Mean]]:
  """Cross-entropy of sigmoid(logits) with hard or soft targets, in nats.

    loss_t = -target_t log s(l_t) - (1 - target_t) log s(-l_t)

  Args:
    logits: [*b, t] outputs of the head before the sigmoid.
    targets: [*b, t] in [0, 1]; fractions are allowed.
    weights: [*b, t] 0 where no value is read.

  Returns:
    The loss, and the metrics `loss`, `squared_error`, `value`, `target` of
    the probabilities.
  """
  logits = reduction.hide(reduction.at_least_float32(logits), weights)
  values, targets, errors = _errors(jax.nn.sigmoid(logits), targets, weights)
  losses = optax.sigmoid_binary_cross_entropy(logits, targets)
  loss = reduction.weighted(losses, weights)
  return loss, {"loss": loss, **_describe(values, targets, errors, weights)}


def _errors(values, targets, weights):
  values = reduction.hide(reduction.at_least_float32(values), weights)
  targets = reduction.hide(targets, weights)
  return values, targets, (values - targets) ** 2


def _describe(values, targets, errors, weights):
  return {
    "squared_error": reduction.weighted(errors, weights),
    "value": reduction.weighted(values, weights),
    "target": reduction.weighted(targets, weights),
  }
