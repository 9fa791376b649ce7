"""Losses of pairs of which one is better, beside `ranking.bradley_terry`.

`better` and `worse` are scores, or beta times log-ratios to a reference; where
`weights` is 0 there is no pair.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Float

from prm_jax import metrics
from prm_jax.objectives import ranking, reduction

Array = jax.Array
Pairs = Float[Array, "*b"]
Loss = tuple[metrics.Mean, dict[str, metrics.Mean]]


def preferred(first: Pairs, second: Pairs) -> Pairs:
  """P(first is preferred) = (1 + p - q) / 2 of two values in [0, 1].

  OmegaPRM's pairwise targets (arXiv:2406.06592).
  """
  return (1 + first - second) / 2


def soft_pair(
  better: Pairs, worse: Pairs, target: Pairs, weights: Pairs
) -> Loss:
  """Cross-entropy of sigmoid(better - worse) with a probability.

  Args:
    better: scores.
    worse: of the other.
    target: P(better is preferred).
    weights: of the pairs.
  """
  lead = _lead(better, worse, weights)
  target = jnp.where(weights != 0, target, 0.5)
  log_s = jax.nn.log_sigmoid
  losses = -target * log_s(lead) - (1 - target) * log_s(-lead)
  return _told(losses, lead, weights)


def steps_sum(
  better: Float[Array, "n k"],
  worse: Float[Array, "n k"],
  both: Float[Array, "n k"],
  *,
  margin: Float[Array, "n #k"] | float = 0.0,
) -> Loss:
  """-sum_k log sigmoid(better_k - worse_k), the mean over pairs.

  Tree-PLV (arXiv:2407.00390): k runs over the steps from where two paths part,
  as far as both of them go.

  Args:
    better: [n, k] after each step.
    worse: likewise.
    both: [n, k] 1 while both paths go on.
    margin: by which the better has to lead.
  """
  wide = jnp.broadcast_to(jnp.asarray(margin, better.dtype), better.shape)
  loss, found = ranking.bradley_terry(better, worse, both, margin=wide)
  has_pair = jnp.any(both != 0, axis=-1).astype(jnp.float32)
  loss = reduction.per_sequence(loss, jnp.sum(has_pair))
  return loss, {**found, "loss": loss}


def conservative(
  better: Pairs, worse: Pairs, weights: Pairs, *, smoothing: Pairs | float
) -> Loss:
  """-(1 - e) log s(d) - e log s(-d), d = better - worse.

  e is the chance that the order is wrong; the minimiser has s(d) = 1 - e
  (MCTS-DPO, arXiv:2405.00451).
  """
  target = jnp.broadcast_to(1 - jnp.asarray(smoothing), better.shape)
  return soft_pair(better, worse, target.astype(better.dtype), weights)


def identity(
  better: Pairs, worse: Pairs, weights: Pairs, *, beta: float
) -> Loss:
  """(d - 1 / (2 beta))^2 of plain log-ratios' lead (IPO, 2310.12036)."""
  lead = _lead(better, worse, weights)
  return _told((lead - 1 / (2 * beta)) ** 2, lead, weights)


def visit_smoothing(better: Pairs, worse: Pairs) -> Pairs:
  """Smoothing from how often a tree search visited the two.

  min(1 - c, 1/2),  c = 1 / (1 + N_worse / max(1, N_better))
  """
  sure = 1 / (1 + worse / jnp.maximum(1, better))
  return jnp.minimum(1 - sure, 0.5)


def scaled(better: Pairs, worse: Pairs, weights: Pairs, *, gap: Pairs) -> Loss:
  """-gap log sigmoid(better - worse) (HelpSteer2-Preference, 2410.01257).

  Args:
    better: scores.
    worse: of the other.
    weights: of the pairs; the sum is divided by theirs, not the gaps'.
    gap: how much better it was said to be, 0 or more.
  """
  lead = _lead(better, worse, weights)
  gap = jnp.where(weights != 0, gap, 0.0)
  return _told(-gap * jax.nn.log_sigmoid(lead), lead, weights)


def _lead(better: Pairs, worse: Pairs, weights: Pairs) -> Pairs:
  better = reduction.at_least_float32(better)
  worse = reduction.at_least_float32(worse)
  return jnp.where(weights != 0, better, 0) - jnp.where(weights != 0, worse, 0)


def _told(losses: Pairs, lead: Pairs, weights: Pairs) -> Loss:
  loss = reduction.weighted(losses, weights)
  right = reduction.weighted((lead > 0).astype(lead.dtype), weights)
  return loss, {"loss": loss, "accuracy": right}
