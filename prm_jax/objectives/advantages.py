"""From rewards to advantages: credit of steps, and baselines of a group.

A group is the responses to one prompt. Padding has reward 0 and weight 0.
"""

from typing import Literal, TypeAlias, get_args

import jax
import jax.numpy as jnp
from jaxtyping import Bool, Float, Num

from prm_jax.types import Array

Unit: TypeAlias = Literal["token", "step"]
Rewards: TypeAlias = Float[Array, "n k"]


def min_form(
  rewards: Rewards, is_step: Bool[Array, "n k"], temperature: float = 0.1
) -> Rewards:
  """Weighs step rewards towards the worst step (PURE, arXiv:2504.15275).

    r*_k = w_k r_k,  w = softmax(-r / T) over the steps of a response

  As T goes to 0, the returns of r* up to the worst step become its reward, and
  0 behind it: credit is the minimum of what is to come, not the sum, so that
  no number of good steps makes up for a bad one.

  Args:
    rewards: [n, k] of n responses' steps.
    is_step: False for padding.
    temperature: T.
  """
  if not temperature > 0:
    raise ValueError(f"temperature must be positive, got {temperature}")
  weights = jax.nn.softmax(-rewards / temperature, axis=-1, where=is_step)
  return jnp.where(is_step, jax.lax.stop_gradient(weights) * rewards, 0.0)


def returns(rewards: Rewards) -> Rewards:
  """Sums of what is to come, the step itself included, without discount."""
  return jnp.cumsum(rewards[:, ::-1], axis=1)[:, ::-1]


def leave_one_out(rewards: Float[Array, "n"]) -> Float[Array, "n"]:
  """A_i = R_i - mean of the others' R (RLOO, arXiv:2402.14740)."""
  return rewards - _others(rewards) / (len(rewards) - 1)


def step_baseline(
  rewards: Rewards, num_tokens: Num[Array, "n k"], unit: Unit = "token"
) -> Rewards:
  """What the other responses got, to be taken off each step's reward.

  Args:
    rewards: [n, k] of the steps, 0 for padding.
    num_tokens: [n, k] of each step, 0 for padding.
    unit: "token", the others' reward per token times the step's tokens: the
      same responses cut into other steps have the same advantage. "step", the
      others' mean reward per step, favours few and long steps.

  Raises:
    ValueError: a single response, or another unit.
  """
  if unit not in get_args(Unit):
    raise ValueError(f"unit {unit!r} is not one of {get_args(Unit)}")
  total, is_step = jnp.sum(rewards, axis=1), num_tokens > 0
  if unit == "token":
    rate = _others(total) / _others(jnp.sum(num_tokens, axis=1))
    return rate[:, None] * num_tokens
  per_step = total / jnp.maximum(jnp.sum(is_step, axis=1), 1)
  mean = _others(per_step) / (len(total) - 1)
  return jnp.where(is_step, mean[:, None], 0.0)


def _others(values: Num[Array, "n"]) -> Num[Array, "n"]:
  """Sum over all but oneself."""
  if len(values) < 2:
    raise ValueError("a group of one response has no baseline")
  return jnp.sum(values) - values
