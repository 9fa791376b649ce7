"""Losses of several responses to one prompt."""

from typing import Literal, TypeAlias, get_args

import jax
import jax.numpy as jnp
from jaxtyping import Bool, Float

from prm_jax import masked, metrics
from prm_jax.objectives import ranking, reduction

Array = jax.Array
Constraint: TypeAlias = Literal["boundary", "detached", "none"]
Weighting: TypeAlias = Literal["ndcg", "equal"]


def preference_list(
  scores: Float[Array, "n m"],
  values: Float[Array, "n m"],
  is_there: Bool[Array, "n m"],
  *,
  weighting: Weighting = "ndcg",
) -> tuple[metrics.Mean, dict[str, metrics.Mean]]:
  """-sum_{v_i > v_j} lambda_ij log sigmoid(s_i - s_j) (TPO, 2410.12854).

  Args:
    scores: [n, m] of the model, such as beta times log-ratios.
    values: [n, m] what the responses are worth, in [0, 1].
    is_there: False for no response.
    weighting: "ndcg", lambda of `ranking.ndcg_weights` with the ranks that
      the model gives, or "equal", which is RankNet.

  Returns:
    The mean over lists with a pair, and the metrics `loss` and `accuracy`
    (of pairs).
  """
  scores = reduction.at_least_float32(scores)
  scores = jnp.where(is_there, scores, 0.0)
  pairs = (values[:, :, None] > values[:, None]) & (
    is_there[:, :, None] & is_there[:, None]
  )
  lead = jnp.where(pairs, scores[:, :, None] - scores[:, None], 0.0)
  weights = pairs.astype(scores.dtype)
  if weighting == "ndcg":
    held = jax.lax.stop_gradient(jnp.where(is_there, scores, -jnp.inf))
    rank = 1.0 + jnp.argsort(jnp.argsort(-held, axis=-1), axis=-1)
    weights *= jax.vmap(ranking.ndcg_weights)(values, rank.astype(scores.dtype))
  has_pair = jnp.any(pairs, axis=(1, 2)).astype(scores.dtype)
  total = -jnp.sum(weights * jax.nn.log_sigmoid(lead))
  loss = metrics.Mean(total, jnp.sum(has_pair))
  right = reduction.weighted(
    (lead > 0).astype(scores.dtype), pairs.astype(scores.dtype)
  )
  return loss, {"loss": loss, "accuracy": right}


def alignment(
  scores: Float[Array, "n m"],
  is_right: Bool[Array, "n m"],
  is_there: Bool[Array, "n m"],
  *,
  constraint: Constraint = "boundary",
  margin: float = 0.1,
) -> tuple[metrics.Mean, dict[str, metrics.Mean]]:
  """Right responses above wrong ones, which must not sink (AFT, 2309.02144).

    log(1 + sum_right sum_wrong exp(s_n - s_p) [+ exp(T - s_n)])

  "detached" lets no gradient through s_n, so that wrong ones are not pushed
  down. "boundary" adds the second term, T = 2 B - s_p without gradient, whose
  force on s_n balances the first's at the floor B = min_right s_p - margin.

  Args:
    scores: [n, m] mean log-probabilities of a token.
    is_right: [n, m].
    is_there: [n, m] False for no response.
    constraint: see above.
    margin: from the worst right response to the floor.

  Returns:
    The mean over lists with both kinds, and the metrics `loss` and
    `accuracy` (of pairs).

  Raises:
    ValueError: another constraint.
  """
  if constraint not in get_args(Constraint):
    raise ValueError(
      f"constraint {constraint!r} is not one of {get_args(Constraint)}"
    )
  scores = jnp.where(is_there, reduction.at_least_float32(scores), 0.0)
  right, wrong = is_right & is_there, ~is_right & is_there
  pairs = right[:, :, None] & wrong[:, None]
  low = jax.lax.stop_gradient(scores) if constraint == "detached" else scores
  terms, kept = low[:, None] - scores[:, :, None], pairs
  if constraint == "boundary":
    held = jax.lax.stop_gradient(scores)
    floor = masked.min(held, right)[:, None, None] - margin
    floor = jnp.where(jnp.any(right, axis=1)[:, None, None], floor, 0.0)
    back = 2 * floor - held[:, :, None] - scores[:, None]
    terms = jnp.concatenate([terms, back], axis=2)
    kept = jnp.concatenate([pairs, pairs], axis=2)
  terms = terms.reshape(len(terms), -1)
  kept = kept.reshape(terms.shape)
  total = masked.logsumexp(terms, kept)
  has_pair = jnp.any(pairs, axis=(1, 2))
  each = jnp.where(
    has_pair, jnp.logaddexp(0.0, jnp.where(has_pair, total, 0.0)), 0.0
  )
  loss = metrics.Mean(jnp.sum(each), jnp.sum(has_pair).astype(each.dtype))
  lead = (scores[:, :, None] > scores[:, None]).astype(each.dtype)
  found = reduction.weighted(lead, pairs.astype(each.dtype))
  return loss, {"loss": loss, "accuracy": found}
