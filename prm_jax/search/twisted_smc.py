"""Twisted sequential Monte Carlo: values tell which prefixes will be good."""

import functools
from collections.abc import Callable
from typing import Any, TypeAlias

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike

from prm_jax import types
from prm_jax.search import base, loop, particle, potentials, resampling

# `(rows, step) -> log phi` [B, N], read where a row ends.
TerminalFn: TypeAlias = Callable[[loop.Rows, loop.Step], Array]


def last_score(rows: loop.Rows, step: loop.Step) -> Array:
  """phi is the score of the whole solution."""
  del step
  return jnp.log(jnp.maximum(rows.last_score, 0))


def twist(
  rows: loop.Rows,
  step: loop.Step,
  power: ArrayLike = 0.5,
  log_phi: TerminalFn = last_score,
) -> Array:
  """log psi_t - log psi_{t-1}, psi = score^power; phi takes psi's place at T.

  psi_0 is the root's score to the same power: 1 makes the target p * phi, not
  a multiple of it.
  """
  log_psi = lambda score: power * jnp.log(jnp.maximum(score, 0))
  now = jnp.where(
    potentials.ended(rows, step),
    log_phi(rows, step),
    log_psi(step.output.score),
  )
  return potentials.written(step, now - log_psi(step.previous_score))


def twisted_smc(
  params: types.Params,
  rng_keys: types.PRNGKeys,
  root: base.Embedding,
  step_fn: base.StepFn,
  take_fn: base.TakeFn = base.take,
  *,
  max_steps: int,
  power: ArrayLike = 0.5,
  log_phi: TerminalFn = last_score,
  scheme: resampling.ResampleFn = resampling.stratified,
  **options: Any,
) -> base.SearchOutput:
  """Samples from p(y) phi(y), with the scores as twists (2410.01920).

  With scores that are values V = E_p[phi | prefix], psi = sqrt(V) has the
  least variance where steps are drawn from p and phi is 0 or 1, psi = V
  (`power` 1) where they are drawn from p V / sum p V: pass that sampler's
  step function and target="base" (2404.17546). With exact values log_evidence
  is then log E[phi] whatever is drawn. In expectation log_evidence is a lower
  bound of the log-normaliser; `conditional` has the upper one.

  Args:
    params: passed on to `step_fn`.
    rng_keys: [B] one key per problem, consumed.
    root: embedding of the prompts with N rows each.
    step_fn: writes one step of every row; its score is learned or exact.
    take_fn: forks rows of the embedding.
    max_steps: T, steps a row may take.
    power: of the score.
    log_phi: the terminal potential.
    scheme: draws parents from log-weights.
    **options: of `particle.particle_filter`; `limits` has the warm-up without
      resampling and the cap on the number of resamplings.
  """
  return particle.particle_filter(
    params,
    rng_keys,
    root,
    step_fn,
    take_fn,
    max_steps=max_steps,
    potential=functools.partial(twist, power=power, log_phi=log_phi),
    scheme=scheme,
    **options,
  )
