"""How much the policy thinks of each of its candidate steps.

`(candidates) -> weight [B, K, A]`, 0 where a row does not count. Bind other
hyper-parameters with functools.partial.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import jax.numpy as jnp
from jaxtyping import Array

from prm_jax import errors, masked


class Candidates(NamedTuple):
  """Sibling steps; all [B, K, A]."""

  log_prob: Array  # log q of the step's tokens
  num_tokens: Array  # int32
  counts: Array  # bool, it was written and equals no earlier sibling
  copies: Array  # int32 siblings it stands for, itself included; 0 for none


PriorFn: TypeAlias = Callable[[Candidates], Array]


def uniform(steps: Candidates) -> Array:
  """Each draw counts the same: right for samples of the policy (2104.06303).

  A step that was drawn twice has twice the weight.
  """
  total = jnp.sum(steps.copies, axis=-1, keepdims=True)
  return steps.copies / jnp.maximum(total, 1)


def policy(steps: Candidates, power: float = 1.0) -> Array:
  """Softmax of log q / length^power; for candidates that were not sampled.

  power 0: proportional to the steps' probabilities; 1: to their likelihoods
  per token.
  """
  return masked.softmax(_per_token(steps, power), steps.counts)


def likelihood(steps: Candidates, power: float = 1.0) -> Array:
  """exp(log q / length^power), no matter what the siblings have.

  power 1 is AlphaMath's (2405.03553), 1.25 MCTS-DPO's (2405.00451).
  """
  return jnp.where(steps.counts, jnp.exp(_per_token(steps, power)), 0)


def _per_token(steps: Candidates, power: float) -> Array:
  return steps.log_prob / jnp.maximum(steps.num_tokens, 1) ** power


PRIORS: dict[str, PriorFn] = {
  "uniform": uniform,
  "policy": policy,
  "likelihood": likelihood,
}


def by_name(name: str) -> PriorFn:
  """The prior of that name."""
  if name not in PRIORS:
    raise errors.UserError(
      f"prior: unknown prior {name!r}, choose from {', '.join(PRIORS)}"
    )
  return PRIORS[name]
