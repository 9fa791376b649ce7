"""Rewards that are log-ratios of two policies (arXiv:2412.01981).

A policy trained on outcomes alone gives step rewards for free:

  q_t = beta sum_{i <= t} log pi(y_i | .) / ref(y_i | .)

is beta log E_ref[exp(r / beta) | y_<=t] for the reward r of the whole. With
beta to infinity that is the mean over what may follow, to 0 the maximum.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Bool, Float

from prm_jax import metrics
from prm_jax.objectives import ranking, reduction

Array = jax.Array


def values(
  log_prob: Float[Array, "n t"],
  ref_log_prob: Float[Array, "n t"],
  mask: Float[Array, "n t"],
  *,
  beta: float = 0.05,
) -> Float[Array, "n t"]:
  """q_t after every token; constant where nothing is written.

  The last is the reward of the whole, differences between the ends of steps
  are the step rewards.

  Args:
    log_prob: [n, t] of the tokens under the policy.
    ref_log_prob: [n, t] under the reference.
    mask: [n, t] 1 at response tokens, else 0.
    beta: scale.
  """
  ratio = reduction.at_least_float32(log_prob) - ref_log_prob
  return beta * jnp.cumsum(jnp.where(mask != 0, ratio, 0.0), axis=1)


def cross_entropy(
  reward: Float[Array, "n"],
  correct: Float[Array, "n"],
  weights: Float[Array, "n"] | None = None,
) -> tuple[metrics.Mean, dict[str, metrics.Mean]]:
  """-z log sigma(r) - (1 - z) log sigma(-r) of single responses."""
  losses = -(
    correct * jax.nn.log_sigmoid(reward)
    + (1 - correct) * jax.nn.log_sigmoid(-reward)
  )
  return _mean(losses, weights)


def dpo(
  chosen: Float[Array, "n"],
  rejected: Float[Array, "n"],
  weights: Float[Array, "n"] | None = None,
) -> tuple[metrics.Mean, dict[str, metrics.Mean]]:
  """-log sigma(r_c - r_j) of pairs."""
  own = jnp.ones_like(chosen) if weights is None else weights
  return ranking.bradley_terry(chosen, rejected, own)


def nca(
  chosen: Float[Array, "n"],
  rejected: Float[Array, "n"],
  weights: Float[Array, "n"] | None = None,
) -> tuple[metrics.Mean, dict[str, metrics.Mean]]:
  """-log s(r_c) - (log s(-r_c) + log s(-r_j)) / 2 of pairs (2402.05369)."""
  log_s = jax.nn.log_sigmoid
  losses = -log_s(chosen) - 0.5 * (log_s(-chosen) + log_s(-rejected))
  return _mean(losses, weights)


def kto(
  reward: Float[Array, "n"],
  correct: Float[Array, "n"],
  shift: Float[Array, ""],
  weights: Float[Array, "n"] | None = None,
) -> tuple[metrics.Mean, dict[str, metrics.Mean]]:
  """1 - sigma(+-(r - z0)) of single responses (2402.01306).

  Args:
    reward: [n].
    correct: [n] 1 or 0.
    shift: z0, beta times the KL divergence to the reference; no gradient
      flows through it.
    weights: [n], here and above; 0 where there is no response. Default: 1.
  """
  lead = reward - jax.lax.stop_gradient(shift)
  losses = 1 - jax.nn.sigmoid(jnp.where(correct > 0, lead, -lead))
  return _mean(losses, weights)


def step_rewards(
  q: Float[Array, "n k"], is_step: Bool[Array, "n k"]
) -> Float[Array, "n k"]:
  """r_k = q_k - q_{k-1} of the values at steps' ends, q_0 = 0.

  Args:
    q: [n, k] of `values` where steps end.
    is_step: False for padding, whose reward is 0.
  """
  before = jnp.pad(q[:, :-1], ((0, 0), (1, 0)))
  return jnp.where(is_step, q - before, 0.0)


def normalised(
  rewards: Float[Array, "n t"], mask: Float[Array, "n t"]
) -> Float[Array, "n t"]:
  """Rewards over max |sum of what is to come| of the batch (PRIME, 2502.01456).

  So scaled, no return exceeds 1, however far the policies have parted.

  Args:
    rewards: [n, t] of tokens.
    mask: [n, t] 1 at response tokens.
  """
  rewards = jnp.where(mask != 0, rewards, 0.0)
  to_come = jnp.cumsum(rewards[:, ::-1], axis=1)
  most = jnp.max(jnp.abs(to_come))
  return rewards / jnp.where(most == 0, 1.0, most)


def _mean(
  losses: Array, weights: Array | None
) -> tuple[metrics.Mean, dict[str, metrics.Mean]]:
  own = jnp.ones_like(losses) if weights is None else weights
  loss = reduction.weighted(losses, own)
  return loss, {"loss": loss}
