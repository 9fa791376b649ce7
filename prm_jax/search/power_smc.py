"""Power-SMC: samples of p(y)^alpha, without any verifier."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike

from prm_jax import types
from prm_jax.search import base, loop, particle


def exponent(
  taken: Array, alpha: ArrayLike, ramp: ArrayLike = 1.0
) -> jax.Array:
  """From 1 to alpha in `ramp` steps; `taken` are counted from 0."""
  part = jnp.clip(jnp.divide(taken, ramp), 0, 1)
  return 1 + jnp.multiply(jnp.subtract(alpha, 1), part)


def power(
  rows: loop.Rows,
  step: loop.Step,
  alpha: ArrayLike,
  ramp: ArrayLike = 1.0,
) -> Array:
  """alpha_t log p(prefix_t) - alpha_{t-1} log p(prefix_{t-1}) - log q(step).

  While the exponent rises the target of finished rows moves too, so their
  weights change as well: without that the normaliser is off by 35 to 90 per
  cent. ramp 1 is the Feynman-Kac correction of a policy that is annealed
  token by token (2503.02819).
  """
  before, now = (
    exponent(step.number + i, alpha, ramp)[:, None] for i in range(2)
  )
  log_p = rows.log_prob + rows.log_ratio
  log_q = jnp.where(step.wrote, step.output.log_prob, 0)
  new = log_q + jnp.where(step.wrote, step.output.log_ratio, 0)
  return now * log_p - before * (log_p - new) - log_q


def unfinished_ramp(
  rows: loop.Rows,
  taken: Array,
  alpha: ArrayLike,
  ramp: ArrayLike = 1.0,
) -> Array:
  """The rest of the way to alpha, where a problem was over before."""
  rest = jnp.subtract(alpha, exponent(taken, alpha, ramp))
  return rest[:, None] * (rows.log_prob + rows.log_ratio)


def power_smc(
  params: types.Params,
  rng_keys: types.PRNGKeys,
  root: base.Embedding,
  step_fn: base.StepFn,
  take_fn: base.TakeFn = base.take,
  *,
  max_steps: int,
  alpha: float | int = 4.0,
  ramp: float | int = 1.0,
  choose: particle.Choose = "sample",
  **options: Any,
) -> base.SearchOutput:
  """Samples solutions from p(y)^alpha / Z (2602.10273).

  That is not sampling at a low temperature, which sharpens every token by
  itself. exp(log_evidence) estimates Z = sum p(y)^alpha without bias. If the
  sampler leaves out tokens (top-k, top-p), sums are over what it can write.

  Args:
    params: passed on to `step_fn`.
    rng_keys: [B] one key per problem, consumed.
    root: embedding of the prompts with N rows each.
    step_fn: writes a step or a block of tokens of every row; best drawn at
      temperature 1 / alpha.
    take_fn: forks rows of the embedding.
    max_steps: T, steps a row may take.
    alpha: the exponent.
    ramp: steps in which the exponent rises from 1 to alpha, at least 1.
    choose: a row, by weight unless told otherwise.
    **options: of `particle.particle_filter`; its target is always "sampler",
      for the weights are those of the policy's own law already.
  """
  if ramp < 1:
    raise ValueError(f"ramp must be at least 1, got {ramp}")
  if options.get("target", "sampler") != "sampler":
    raise ValueError(f"target {options['target']!r} would count twice")
  return particle.particle_filter(
    params,
    rng_keys,
    root,
    step_fn,
    take_fn,
    max_steps=max_steps,
    potential=functools.partial(power, alpha=alpha, ramp=ramp),
    final=functools.partial(unfinished_ramp, alpha=alpha, ramp=ramp),
    choose=choose,
    **options,
  )
