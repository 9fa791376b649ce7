"""Entropic particle filtering: early resampling is made flatter."""

import functools
import math
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array

from prm_jax import errors, masked, types
from prm_jax.search import base, particle, resampling


def by_size(size: Array, entropy: Array, spent: Array) -> Array:
  """(1 - progress) / relative effective sample size."""
  del entropy
  return (1 - spent) / size


def by_entropy(size: Array, entropy: Array, spent: Array) -> Array:
  """1 / beta: beta goes from the relative entropy to 1."""
  del size
  return 1 / (entropy + (1 - entropy) * spent)


def by_progress(size: Array, entropy: Array, spent: Array) -> Array:
  """2 - progress."""
  del size, entropy
  return 2 - spent


TEMPERATURES: dict[str, Callable[[Array, Array, Array], Array]] = {
  "ess": by_size,
  "entropy": by_entropy,
  "base": by_progress,
}


def anneal_by_name(name: str) -> Callable[[Array, Array, Array], Array]:
  """The rule of that name."""
  if name not in TEMPERATURES:
    raise errors.UserError(
      f"anneal: unknown rule {name!r}, choose from {', '.join(TEMPERATURES)}"
    )
  return TEMPERATURES[name]


def temperature(
  log_weight: Array,
  spent: Array,
  *,
  anneal: str = "ess",
  size_threshold: float = 0.5,
  progress_threshold: float = 0.5,
) -> Array:
  """Temperature of the draw of each group, at least 1; a `TemperFn`.

  Above 1 only in the first part of the step budget, and where the effective
  sample size is low.
  """
  num = log_weight.shape[-1]
  size = resampling.effective_sample_size(log_weight) / num
  size = jnp.maximum(size, 1 / num)  # all weights zero: as if one were not
  log_w = log_weight - masked.logsumexp(log_weight)[..., None]
  zero = jnp.isneginf(log_weight)
  terms = jnp.where(zero, 0, jnp.exp(log_w) * jnp.where(zero, 0, log_w))
  # Never so flat that 1 / temperature is lost in float32.
  entropy = jnp.clip(-jnp.sum(terms, axis=-1) / math.log(max(num, 2)), 1e-3, 1)
  flat = jnp.maximum(anneal_by_name(anneal)(size, entropy, spent), 1)
  poor = (size < size_threshold) & (spent < progress_threshold)
  return jnp.where(poor, flat, jnp.ones_like(flat))


def entropic_particle_filter(
  params: types.Params,
  rng_keys: types.PRNGKeys,
  root: base.Embedding,
  step_fn: base.StepFn,
  take_fn: base.TakeFn = base.take,
  *,
  max_steps: int,
  anneal: str = "ess",
  size_threshold: float = 0.5,
  progress_threshold: float = 0.5,
  resample: Any = "always",
  correct_weights: bool = False,
  **options: Any,
) -> base.SearchOutput:
  """A particle filter that does not commit itself early (2510.05825).

  Parents are drawn by W^(1 / temperature), see `temperature`. With both
  thresholds 0 it is the plain filter.

  Args:
    params: passed on to `step_fn`.
    rng_keys: [B] one key per problem, consumed.
    root: embedding of the prompts with N rows each.
    step_fn: writes and scores one step of every row.
    take_fn: forks rows of the embedding.
    max_steps: T, steps a row may take; progress is the share of them taken.
    anneal: a key of `TEMPERATURES`.
    size_threshold: share of N; a larger effective sample is left alone.
    progress_threshold: share of T beyond which nothing is flattened.
    resample: when, see `particle.particle_filter`.
    correct_weights: False is the paper's. True carries what the flat draw
      left out, which keeps the plain filter's target and evidence.
    **options: of `particle.particle_filter`.
  """
  return particle.particle_filter(
    params,
    rng_keys,
    root,
    step_fn,
    take_fn,
    max_steps=max_steps,
    temper=functools.partial(
      temperature,
      anneal=anneal,
      size_threshold=size_threshold,
      progress_threshold=progress_threshold,
    ),
    resample=resample,
    correct_weights=correct_weights,
    **options,
  )
