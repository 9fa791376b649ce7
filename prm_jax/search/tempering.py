"""Parallel tempering: chains of filters at several strengths, which swap."""

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from prm_jax import types
from prm_jax.search import base, conditional, fk_steering, gibbs, loop, particle
from prm_jax.search import snapshots as snapshots_lib


def log_accept(
  strengths: Float[Array, "G"], rewards: Float[Array, "*B G"]
) -> Float[Array, "*B G-1"]:
  """log of the probability that chains k and k + 1 swap their solutions.

  Of targets p(y) exp(strength_k r(y)), so that their product is invariant:
  min(0, (strength_k - strength_{k+1}) (r_{k+1} - r_k)).
  """
  gain = -jnp.diff(strengths) * jnp.diff(rewards, axis=-1)
  # Scores of -inf or NaN: such a solution goes nowhere.
  return jnp.minimum(jnp.where(jnp.isnan(gain), -jnp.inf, gain), 0)


def swapped(
  key: Array, strengths: Array, rewards: Array, parity: ArrayLike
) -> Array:
  """Places [G] from which the chains take their solution.

  Chains k and k + 1 may swap for k of this parity, so no two pairs overlap.
  """
  num = strengths.shape[0]
  pair = jnp.arange(num - 1)
  uniforms = jax.random.uniform(key, (num - 1,))
  accept = jnp.log(uniforms) < log_accept(strengths, rewards)
  accept &= pair % 2 == parity
  place = jnp.arange(num, dtype=jnp.int32)
  place = place.at[:-1].add(accept.astype(jnp.int32))
  return place.at[1:].add(-accept.astype(jnp.int32))


def parallel_tempering(
  params: types.Params,
  rng_keys: types.PRNGKeys,
  root: base.Embedding,
  step_fn: base.StepFn,
  take_fn: base.TakeFn = base.take,
  *,
  max_steps: int,
  temperatures: Sequence[float] = (4.0, 2.0, 1.0),
  iterations: int = 4,
  potential: str = "difference",
  root_score: float = 0.0,
  snapshots: snapshots_lib.Snapshots = snapshots_lib.WHOLE,
  choose: particle.Choose = "argmax",
  **options: Any,
) -> base.SearchOutput:
  """Particle Gibbs chains that exchange solutions (2502.01618, Algorithm 3).

  Chain k is `gibbs.particle_gibbs` on its own N / G neighbouring rows, with
  the target p(y) exp(r(y) / temperature_k), r the last score: hot chains
  wander, the last one has the law that is wanted. After every sweep
  neighbours swap what their next filters keep by `log_accept`, the pairs
  (0, 1), (2, 3), ... after even sweeps, the others after odd ones.

  Args:
    params: passed on to `step_fn`.
    rng_keys: [B] one key per problem, consumed.
    root: embedding of the prompts with N rows each.
    step_fn: writes one step of every row; its score is the reward.
    take_fn: forks rows of the embedding.
    max_steps: T, steps a row may take.
    temperatures: of the G chains, the one that is wanted last.
    iterations: sweeps; 1 leaves independent filters, as in the paper's
      experiments.
    potential: a key of `fk_steering.POTENTIALS`.
    root_score: see `fk_steering`.
    snapshots: brings rows forked from a reference back in time.
    choose: the best row of all chains, or a draw from the last one.
    **options: of `gibbs.sweeps`.

  Returns:
    SearchOutput of the last sweep. The rows of all chains are there;
    log_weight is -inf but for those of the last chain, to draw by. There is
    no evidence: 0.
  """
  groups = len(temperatures)
  strengths = 1 / jnp.asarray(temperatures, jnp.float32)
  size = jax.eval_shape(step_fn, params, rng_keys, root)[0].score.shape[1]
  if size % groups:
    raise ValueError(f"{size} rows for {groups} temperatures")
  own = jnp.repeat(strengths, size // groups)
  steer = functools.partial(fk_steering.by_name(potential), strength=own)

  def exchange(
    keys: Array, number: Array, output: base.SearchOutput, rows: Array
  ) -> Array:
    final = jnp.maximum(output.num_steps - 1, 0)[..., None]
    reward = jnp.take_along_axis(output.step_scores, final, axis=2)[..., 0]
    reward = jnp.take_along_axis(reward, rows, axis=1)
    keys = loop.step_keys(keys, loop.SELECTION)
    place = jax.vmap(swapped, in_axes=(0, None, 0, None))(
      keys, strengths, reward, number % 2
    )
    return jnp.take_along_axis(rows, place, axis=1)

  output = gibbs.sweeps(
    params,
    rng_keys,
    root,
    conditional.Kit(step_fn, take_fn, snapshots),
    max_steps=max_steps,
    iterations=iterations,
    num_groups=groups,
    exchange=exchange,
    potential=steer,
    root_score=root_score,
    **options,
  ).output
  log_weight = particle.by_group(output.log_weight, groups)
  wanted = jnp.where(
    jnp.arange(groups)[:, None] == groups - 1, log_weight, -jnp.inf
  )
  output = output._replace(
    log_weight=wanted.reshape(output.log_weight.shape),
    log_evidence=jnp.zeros_like(output.log_evidence),
  )
  # The filter has chosen among the rows of all chains, by all weights.
  keys = gibbs.sweep_keys(rng_keys, jnp.asarray(iterations - 1))
  return output._replace(chosen=particle.CHOICES[choose](keys, output))
