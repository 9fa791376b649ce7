"""Implicit rewards that are learnt on the way (PRIME, arXiv:2502.01456)."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Float

from prm_jax.objectives import implicit

Array = jax.Array
Timing: TypeAlias = Literal["before", "after"]
# parameters -> [n, t] log-probabilities of the responses' tokens
LogProbFn: TypeAlias = Callable[[Any], Array]


class Updated(NamedTuple):
  """What one round leaves.

  Attributes:
    params: of the reward model.
    opt_state: of its optimiser.
    rewards: [n, t] of the tokens, normalised.
    loss: [] of the outcomes, before the update.
  """

  params: Any
  opt_state: Any
  rewards: Array
  loss: Array


def update(
  params: Any,
  opt_state: Any,
  log_prob_fn: LogProbFn,
  ref_log_prob: Float[Array, "n t"],
  mask: Float[Array, "n t"],
  correct: Float[Array, "n"],
  tx: optax.GradientTransformation,
  *,
  beta: float = 0.05,
  timing: Timing = "after",
) -> Updated:
  """One step on the outcomes of fresh responses, and their token rewards.

  Args:
    params: of the reward model.
    opt_state: of `tx`.
    log_prob_fn: of its parameters, on these responses.
    ref_log_prob: [n, t] under the reference.
    mask: [n, t] 1 at response tokens.
    correct: [n] outcomes, 0 or 1.
    tx: optimiser of the reward model.
    beta: scale of log-ratios.
    timing: whether rewards are those of the parameters before or after it.

  Raises:
    ValueError: another timing.
  """
  if timing not in get_args(Timing):
    raise ValueError(f"timing {timing!r} is not one of {get_args(Timing)}")

  def outcome_loss(own: Any) -> Array:
    q = implicit.values(log_prob_fn(own), ref_log_prob, mask, beta=beta)
    mean, _ = implicit.cross_entropy(q[:, -1], correct)
    return mean.compute()

  loss, slope = jax.value_and_grad(outcome_loss)(params)
  change, opt_state = tx.update(slope, opt_state, params)
  moved = optax.apply_updates(params, change)
  read = moved if timing == "after" else params
  ratio = beta * (log_prob_fn(read) - ref_log_prob)
  rewards = implicit.normalised(jnp.where(mask != 0, ratio, 0.0), mask)
  return Updated(moved, opt_state, jax.lax.stop_gradient(rewards), loss)
