"""Incremental weights of a particle filter.

`(rows, step) -> log G_t` [B, N] of the step just written; with p the policy,
the filter's target is p * prod_t G_t. A row that wrote nothing has G = 1,
unless the target itself moves with time, so each potential says so itself.
For other hyper-parameters bind them with functools.partial.
"""

from collections.abc import Callable
from typing import TypeAlias

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike

from prm_jax import errors
from prm_jax.search import aggregate, loop

PotentialFn: TypeAlias = Callable[[loop.Rows, loop.Step], Array]


def last(rows: loop.Rows, step: loop.Step) -> Array:
  """log r_t: target p * prod_t r_t, all steps accepted (2502.01618 §3)."""
  del rows
  return written(step, jnp.log(jnp.maximum(step.output.score, 0)))


def odds(rows: loop.Rows, step: loop.Step, tau: float = 1.0) -> Array:
  """logit(r_t) / tau: what the code behind arXiv 2502.01618 resamples with."""
  del rows
  return written(step, aggregate.logit(step.output.score) / tau)


def difference(rows: loop.Rows, step: loop.Step) -> Array:
  """log r_t - log r_{t-1}: telescopes to the last score over the root's."""
  del rows
  now = jnp.log(jnp.maximum(step.output.score, aggregate.CLIP))
  before = jnp.log(jnp.maximum(step.previous_score, aggregate.CLIP))
  return written(step, now - before)


def exponential(
  rows: loop.Rows, step: loop.Step, beta: ArrayLike = 1.0
) -> Array:
  """beta * r_t: target p * exp(beta * sum_t r_t)."""
  del rows
  return written(step, jnp.multiply(beta, step.output.score))


def unit(rows: loop.Rows, step: loop.Step) -> Array:
  """0: nothing but the sampler is corrected for, see `target="base"`.

  A step function may take any f(token | prefix) >= 0 for its p. Where its
  sampler is f / sum f, the weight is that sum: the Feynman-Kac correction of
  annealed policies, products of experts and classifier-free guidance
  (2503.02819).
  """
  del rows
  return jnp.zeros_like(step.output.score)


def ended(rows: loop.Rows, step: loop.Step) -> Array:
  """[B, N] rows whose last step this is, the step budget being one end."""
  last = rows.num_steps == rows.step_scores.shape[2]
  return step.wrote & (rows.done | last)


def written(step: loop.Step, log_g: Array) -> Array:
  """A finished row is weighed no more: its neighbours may run on for long."""
  return jnp.where(step.wrote, log_g, 0)


POTENTIALS: dict[str, PotentialFn] = {
  "last": last,
  "odds": odds,
  "difference": difference,
  "exponential": exponential,
  "unit": unit,
}


def by_name(name: str) -> PotentialFn:
  """The potential of that name."""
  if name not in POTENTIALS:
    raise errors.UserError(
      f"weights: unknown potential {name!r}, choose from "
      f"{', '.join(POTENTIALS)}"
    )
  return POTENTIALS[name]
