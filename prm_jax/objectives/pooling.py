"""A verdict on the whole from evidence of badness of its steps (2310.17867).

A solution is wrong if a step is: a bag is positive if an instance is. The
standard assumption holds where the pooled evidence never falls as a step's
rises; attention breaks it.
"""

from typing import Literal, TypeAlias, get_args

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Bool, Float

from prm_jax import masked, metrics
from prm_jax.objectives import reduction

Array = jax.Array
Pooling: TypeAlias = Literal["max", "noisy_or", "log_mean_exp"]


def pool(
  badness: Float[Array, "n k"],
  is_step: Bool[Array, "n k"],
  *,
  form: Pooling = "max",
  temperature: float = 1.0,
) -> Float[Array, "n"]:
  """Log-odds that the solution is wrong.

  Args:
    badness: [n, k] log-odds that each step is bad.
    is_step: [n, k], at least one a row.
    form: "max", which is the minimum over goodness; "noisy_or", of 1 - prod(1
      - sigmoid(badness)); "log_mean_exp", tau log mean exp(badness / tau).
    temperature: tau; the mean for many, the maximum for 0.

  Raises:
    ValueError: another form.
  """
  badness = reduction.at_least_float32(badness)
  if form not in get_args(Pooling):
    raise ValueError(f"form {form!r} is not one of {get_args(Pooling)}")
  if form == "max":
    return masked.max(badness, is_step)
  if form == "log_mean_exp":
    count = jnp.log(jnp.sum(is_step, axis=-1))
    total = masked.logsumexp(badness / temperature, is_step)
    return temperature * (total - count)
  # Of s = log prod(1 - p): logit(1 - e^s) = log(expm1(-s)).
  safe = jnp.where(is_step, badness, 0.0)
  clean = jnp.sum(jnp.where(is_step, jax.nn.softplus(safe), 0.0), axis=-1)
  # expm1 overflows where the chance is 1 anyway: log(e^s - 1) is s there.
  few = jnp.minimum(clean, 30.0)
  tiny = jnp.finfo(clean.dtype).tiny
  return jnp.where(
    clean > 30, clean, jnp.log(jnp.maximum(jnp.expm1(few), tiny))
  )


def attention(
  badness: Float[Array, "n k"],
  attention_logits: Float[Array, "n k"],
  is_step: Bool[Array, "n k"],
) -> Float[Array, "n"]:
  """sum_k a_k g_k with a = softmax over the steps.

  It is not monotone: worse evidence at a step that attention leaves for
  another may lower the whole.
  """
  share = masked.softmax(reduction.at_least_float32(attention_logits), is_step)
  return jnp.sum(jnp.where(is_step, share * badness, 0.0), axis=-1)


def cross_entropy(
  pooled: Float[Array, "n"],
  wrong: Float[Array, "n"],
  weights: Float[Array, "n"],
) -> tuple[metrics.Mean, dict[str, metrics.Mean]]:
  """Of the solutions' verdicts: 1 where the solution is wrong."""
  pooled = jnp.where(weights != 0, pooled, 0.0)
  losses = optax.sigmoid_binary_cross_entropy(pooled, wrong)
  loss = reduction.weighted(losses, weights)
  hits = ((pooled > 0) == (wrong > 0.5)).astype(losses.dtype)
  return loss, {"loss": loss, "accuracy": reduction.weighted(hits, weights)}
