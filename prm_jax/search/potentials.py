"""Incremental weights of a particle filter from verifier scores.

`(score, previous_score) -> log G_t`, elementwise; scores are probabilities.
With p the policy, the filter's target is p * prod_t G_t. For other
hyper-parameters bind them with functools.partial.
"""

from collections.abc import Callable
from typing import TypeAlias

import jax.numpy as jnp
from jaxtyping import Array, Float

from prm_jax import errors

Score: TypeAlias = Float[Array, "*d"]
PotentialFn: TypeAlias = Callable[[Array, Array], Array]

# Keeps odds and ratios finite. Machine epsilon instead would make a score of
# 1 worth a logit of 36 and every resampling an argmax.
CLIP = 1e-7


def last(score: Score, previous_score: Score) -> Score:
  """log r_t: target p * prod_t r_t, all steps accepted (2502.01618 §3)."""
  del previous_score
  return jnp.log(jnp.maximum(score, 0))


def odds(score: Score, previous_score: Score, tau: float = 1.0) -> Score:
  """logit(r_t) / tau: what the code behind arXiv 2502.01618 resamples with."""
  del previous_score
  r = jnp.clip(score, CLIP, 1 - CLIP)
  return (jnp.log(r) - jnp.log1p(-r)) / tau


def difference(score: Score, previous_score: Score) -> Score:
  """log r_t - log r_{t-1}: telescopes to the last score over the root's."""
  return jnp.log(jnp.maximum(score, CLIP)) - jnp.log(
    jnp.maximum(previous_score, CLIP)
  )


def exponential(
  score: Score, previous_score: Score, beta: float = 1.0
) -> Score:
  """beta * r_t: target p * exp(beta * sum_t r_t)."""
  del previous_score
  return beta * score


POTENTIALS: dict[str, PotentialFn] = {
  "last": last,
  "odds": odds,
  "difference": difference,
  "exponential": exponential,
}


def by_name(name: str) -> PotentialFn:
  """The potential of that name."""
  if name not in POTENTIALS:
    raise errors.UserError(
      f"weights: unknown potential {name!r}, choose from "
      f"{', '.join(POTENTIALS)}"
    )
  return POTENTIALS[name]
