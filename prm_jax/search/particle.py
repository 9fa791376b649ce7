"""Particle filtering over reasoning steps."""

import math
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import ArrayLike

from prm_jax import masked, types
from prm_jax.search import aggregate as aggregate_lib
from prm_jax.search import base, buffers, lineage, loop, potentials, resampling


class Weights(NamedTuple):
  """The filter's own part of the carry."""

  log_weight: jax.Array  # [B, N] since the last resampling
  log_evidence: jax.Array  # [B] up to the last resampling
  ess: jax.Array  # [B, T]


def particle_filter(
  params: types.Params,
  rng_keys: types.PRNGKeys,
  root: base.Embedding,
  step_fn: base.StepFn,
  take_fn: base.TakeFn = base.take,
  *,
  max_steps: int,
  potential: potentials.PotentialFn = potentials.odds,
  resample: Literal["always", "ess", "never"] = "ess",
  ess_threshold: ArrayLike = 0.5,
  scheme: resampling.ResampleFn = resampling.systematic,
  target: Literal["sampler", "base"] = "sampler",
  root_score: ArrayLike = 1.0,
  choose: Literal["argmax", "sample"] = "argmax",
  aggregate: base.AggregateFn = aggregate_lib.last,
) -> base.SearchOutput:
  """Samples from the policy tilted by the verifier (2502.01618).

  After each step: log W += log G. Where resampling triggers, log Z += log
  mean W, parents are drawn by W and W becomes 1; elsewhere the weights are
  carried. A row that was finished before the step has G = 1, or the target
  would depend on how long its neighbours run. Nothing is resampled after the
  last step. exp(log_evidence) is unbiased for the normaliser Z of the target,
  and exp(log_evidence) * sum w f for Z E[f], w the normalised log_weight, for
  any number of rows; self-normalised averages are biased by O(1 / N).

  Args:
    params: passed on to `step_fn`.
    rng_keys: [B] one key per problem, consumed.
    root: embedding of the prompts with N rows each.
    step_fn: writes and scores one step of every row.
    take_fn: forks rows of the embedding.
    max_steps: T, steps a row may take.
    potential: log G_t of the step, see `potentials`.
    resample: after every step, where the effective sample size is below
      `ess_threshold * N`, or never (importance sampling).
    ess_threshold: for `resample="ess"`.
    scheme: draws parents from log-weights.
    target: "sampler" tilts the law the tokens are drawn from, "base" the
      policy's own, by weighting with `log_ratio`.
    root_score: r_0 for `potentials.difference`, broadcast to [B, N].
    choose: the best row by `aggregate`, or a draw by weight.
    aggregate: step scores to one score per row.
  """
  population = loop.start(
    params, rng_keys, root, step_fn, max_steps, root_score
  )
  zeros = jnp.zeros_like(population.rows.last_score)
  num = zeros.shape[1]
  size = {"always": math.inf, "ess": ess_threshold * num, "never": -1.0}
  select = _selection(potential, size[resample], scheme, target)
  weights = Weights(
    log_weight=zeros,
    log_evidence=zeros[:, 0],
    ess=jnp.zeros_like(population.rows.step_scores[:, 0]),
  )
  if resample != "always":
    take_fn = lineage.when_moved(take_fn)
  population, weights = loop.run(
    params, rng_keys, population, step_fn, take_fn, select, weights
  )
  log_weight = weights.log_weight
  output = loop.finish(
    population,
    aggregate,
    log_weight=log_weight,
    log_evidence=weights.log_evidence + _log_mean(log_weight),
    ess=weights.ess,
  )
  if choose == "argmax":
    return output
  keys = loop.step_keys(rng_keys, loop.SELECTION)
  draw = lambda key, log_weight: resampling.multinomial(key, log_weight, 1)[0]
  return output._replace(chosen=jax.vmap(draw)(keys, log_weight))


def _selection(
  potential: potentials.PotentialFn,
  size: ArrayLike,
  scheme: resampling.ResampleFn,
  target: str,
) -> loop.SelectFn:
  """Weighs the step, and resamples where the ESS is below `size`."""

  def select(keys, rows, step, weights):
    num = rows.done.shape[1]
    log_g = potential(rows, step)
    if target == "base":
      log_g = log_g + jnp.where(step.wrote, step.output.log_ratio, 0)
    log_weight = weights.log_weight + log_g
    ess = resampling.effective_sample_size(log_weight)
    ran = jnp.any(step.wrote, axis=1)
    resampled = step.more & (ess < size)
    draw = jax.vmap(lambda key, log_weight: scheme(key, log_weight, num))
    parents = draw(keys, log_weight)
    parents = jnp.where(resampled[:, None], parents, lineage.identity(parents))
    return parents, Weights(
      log_weight=jnp.where(resampled[:, None], 0, log_weight),
      log_evidence=weights.log_evidence
      + jnp.where(resampled, _log_mean(log_weight), 0),
      ess=buffers.put_step(
        weights.ess, step.number, jnp.where(ran, ess, 0), step.ready
      ),
    )

  return select


def _log_mean(log_weight: jax.Array) -> jax.Array:
  """log of the mean weight, [B]."""
  return masked.logsumexp(log_weight) - math.log(log_weight.shape[1])
