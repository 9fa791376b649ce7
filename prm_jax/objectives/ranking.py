"""Objectives that order the steps of a solution, or the prefixes of two."""

import jax
import jax.numpy as jnp
from jaxtyping import Bool, Float

from prm_jax import metrics
from prm_jax.objectives import reduction

Array = jax.Array


def process_q_ranking(
  values: Float[Array, "n k"],
  is_right: Bool[Array, "n k"],
  is_step: Bool[Array, "n k"],
  *,
  margin: float = 4.0,
) -> tuple[metrics.Mean, dict[str, metrics.Mean]]:
  """Right steps rise, wrong ones stay below all (PQM, arXiv:2410.11287).

  For a right step t, with the value before the first step pinned at 0,

    -log e^{Q_t} / (1 + sum_{right q <= t} e^{Q_q} + sum_wrong e^{Q_w + margin})

  and -log 1 / (1 + sum_wrong e^{Q_w + margin}) if there is a wrong step; the
  mean of these terms per solution. Values are ranks, not probabilities.

  Args:
    values: [n, k] raw outputs at the steps' ends.
    is_right: [n, k].
    is_step: [n, k], False for padding.
    margin: zeta, between right and wrong.

  Returns:
    The loss over solutions that have a term, and the metrics `loss` and
    `ordered`, the share of pairs of a right and a wrong step in order.
  """
  values = reduction.at_least_float32(values)
  values = jnp.where(is_step, values, 0.0)
  right, wrong = is_right & is_step, ~is_right & is_step
  none = jnp.asarray(-1e30, values.dtype)  # finite, for the gradient
  earlier = jax.lax.cumlogsumexp(jnp.where(right, values, none), axis=1)
  below = jax.nn.logsumexp(
    jnp.where(wrong, values + margin, none), axis=1, keepdims=True
  )
  zero = jnp.zeros_like(below)
  total = jnp.logaddexp(jnp.logaddexp(zero, below), earlier)
  terms = jnp.sum(jnp.where(right, total - values, 0.0), axis=1)
  has_wrong = jnp.any(wrong, axis=1)
  first = jnp.where(has_wrong, jnp.logaddexp(zero, below)[:, 0], 0.0)
  count = jnp.sum(right, axis=1) + has_wrong
  each = (terms + first) / jnp.maximum(count, 1)
  loss = metrics.Mean(jnp.sum(each), jnp.sum(count > 0).astype(each.dtype))
  pairs = right[:, :, None] & wrong[:, None]
  above = pairs & (values[:, :, None] > values[:, None])
  ordered = metrics.Mean(
    jnp.sum(above).astype(each.dtype), jnp.sum(pairs).astype(each.dtype)
  )
  return loss, {"loss": loss, "ordered": ordered}


def bradley_terry(
  better: Float[Array, "*b"],
  worse: Float[Array, "*b"],
  weights: Float[Array, "*b"],
  *,
  margin: Float[Array, "*b"] | float = 0.0,
) -> tuple[metrics.Mean, dict[str, metrics.Mean]]:
  """-log sigmoid(better - worse - margin), weighted.

  Of prefixes from where two paths part it is Tree-PLV's (arXiv:2407.00390), a
  sum over steps if divided by the pairs (`reduction.per_sequence`); of
  `beta * (log pi - log ref)` of two next steps it is step-DPO (2406.18629),
  with `margin = alpha (Q_better - Q_worse)` step-APO (2409.08642).

  Args:
    better: scores of what is preferred.
    worse: of the other.
    weights: 0 where there is no pair.
    margin: by which the better has to lead.

  Returns:
    The loss, and the metrics `loss` and `accuracy`, the share of pairs whose
    better has the higher score.
  """
  lead = reduction.at_least_float32(better) - reduction.at_least_float32(worse)
  lead = jnp.where(weights != 0, lead, 0.0)
  losses = -jax.nn.log_sigmoid(lead - margin)
  loss = reduction.weighted(jnp.where(weights != 0, losses, 0.0), weights)
  accuracy = reduction.weighted((lead > 0).astype(lead.dtype), weights)
  return loss, {"loss": loss, "accuracy": accuracy}


def ndcg_weights(values: Float[Array, "n"], rank: Float[Array, "n"]) -> Array:
  """[n, n] weights lambda of pairs in a list (TPO, arXiv:2410.12854).

    |2^{v_i} - 2^{v_j}| |1 / log2(1 + rank_i) - 1 / log2(1 + rank_j)|

  Args:
    values: what the responses are worth, in [0, 1].
    rank: 1 for the response that the model scores highest.
  """
  gain, discount = 2.0**values, 1 / jnp.log2(1 + rank)
  gap = lambda x: jnp.abs(x[:, None] - x[None])
  return gap(gain) * gap(discount)
