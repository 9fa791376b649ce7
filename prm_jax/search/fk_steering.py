"""Feynman-Kac steering: rewards of intermediate states steer the samples."""

import functools
from collections.abc import Callable
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike

from prm_jax import errors, types
from prm_jax.search import base, loop, particle, potentials

# `rewards of the steps [B, N, T] -> what the potential of each step takes`.
PathFn: TypeAlias = Callable[[Array], Array]


def maximum(rewards: Array) -> Array:
  """The best reward so far."""
  return jax.lax.cummax(rewards, axis=2)


def total(rewards: Array) -> Array:
  """The sum of the rewards so far."""
  return jnp.cumsum(rewards, axis=2)


def reward(rewards: Array) -> Array:
  """The reward of the step alone."""
  return rewards


def terminal(rewards: Array) -> Array:
  """Nothing before the end: importance sampling."""
  return jnp.zeros_like(rewards)


def difference(
  rows: loop.Rows, step: loop.Step, strength: ArrayLike = 1.0
) -> Array:
  """strength (r_t - r_{t-1}): no correction at the end, it telescopes."""
  del rows
  gain = step.output.score - step.previous_score
  return potentials.written(step, jnp.multiply(strength, gain))


def corrected(
  rows: loop.Rows, step: loop.Step, path: PathFn, strength: ArrayLike = 1.0
) -> Array:
  """strength * path_t; at the end what makes prod G = exp(strength * r_T)."""
  along = path(rows.step_scores)
  this = (rows.num_steps - 1)[..., None]
  now = jnp.take_along_axis(along, jnp.maximum(this, 0), axis=2)[..., 0]
  earlier = jnp.arange(along.shape[2]) < this
  spent = jnp.sum(jnp.where(earlier, along, 0), axis=2)
  owed = rows.last_score - spent
  now = jnp.where(potentials.ended(rows, step), owed, now)
  return potentials.written(step, jnp.multiply(strength, now))


# All take `strength`.
POTENTIALS: dict[str, Callable[..., Array]] = {
  "difference": difference,
  "max": functools.partial(corrected, path=maximum),
  "sum": functools.partial(corrected, path=total),
  "reward": functools.partial(corrected, path=reward),
  "terminal": functools.partial(corrected, path=terminal),
}


def by_name(name: str) -> Callable[..., Array]:
  """The potential of that name."""
  if name not in POTENTIALS:
    raise errors.UserError(
      f"potential: unknown potential {name!r}, choose from "
      f"{', '.join(POTENTIALS)}"
    )
  return POTENTIALS[name]


def fk_steering(
  params: types.Params,
  rng_keys: types.PRNGKeys,
  root: base.Embedding,
  step_fn: base.StepFn,
  take_fn: base.TakeFn = base.take,
  *,
  max_steps: int,
  strength: ArrayLike = 1.0,
  potential: str = "difference",
  root_score: ArrayLike = 0.0,
  **options: Any,
) -> base.SearchOutput:
  """Samples from p(y) exp(strength * r(y)), r the last score (2501.06848).

  The potentials differ in which prefixes they prefer on the way, not in the
  target. The code published with the paper forgets weights when it does not
  resample, and ends "max" and "sum" with the running value instead of r(y);
  both change the target.

  Args:
    params: passed on to `step_fn`.
    rng_keys: [B] one key per problem, consumed.
    root: embedding of the prompts with N rows each.
    step_fn: writes one step of every row; its score is the reward.
    take_fn: forks rows of the embedding.
    max_steps: T, steps a row may take.
    strength: lambda, of any shape that [B, N] broadcasts with.
    potential: a key of `POTENTIALS`.
    root_score: r_0 of "difference", which divides the normaliser by
      exp(strength * r_0).
    **options: of `particle.particle_filter`.
  """
  return particle.particle_filter(
    params,
    rng_keys,
    root,
    step_fn,
    take_fn,
    max_steps=max_steps,
    potential=functools.partial(by_name(potential), strength=strength),
    root_score=root_score,
    **options,
  )
