"""Soft value-based decoding: SVDD and SVDD-R."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array

from prm_jax import errors, types
from prm_jax.search import aggregate as aggregate_lib
from prm_jax.search import base, loop, ranking, resampling


def score(scores: Array) -> Array:
  """The score is the value."""
  return scores


def log(scores: Array) -> Array:
  """The score is an expectation: with alpha 1 rows are drawn by it."""
  return jnp.log(jnp.maximum(scores, aggregate_lib.CLIP))


def logit(scores: Array) -> Array:
  """The score is a sigmoid: its argument is the value."""
  return aggregate_lib.logit(scores)


VALUES: dict[str, Callable[[Array], Array]] = {
  "score": score,
  "log": log,
  "logit": logit,
}


def value_by_name(name: str) -> Callable[[Array], Array]:
  """The value of that name."""
  if name not in VALUES:
    raise errors.UserError(
      f"value: unknown value {name!r}, choose from {', '.join(VALUES)}"
    )
  return VALUES[name]


def svdd(
  params: types.Params,
  rng_keys: types.PRNGKeys,
  root: base.Embedding,
  step_fn: base.StepFn,
  take_fn: base.TakeFn = base.take,
  *,
  branch: int = 10,
  alpha: float = 0.05,
  max_steps: int,
  value_fn: Callable[[Array], Array] = score,
  resample: resampling.ResampleFn | None = None,
  aggregate: base.AggregateFn = aggregate_lib.last,
  run: loop.RunFn = loop.run,
) -> base.SearchOutput:
  """Picks each sample's next step by exp(value / alpha) (2408.08252).

  The rows are blocks of `branch` neighbours: one sample and its candidates.
  After each step, the last one included, one candidate of a block is drawn
  with weights exp(v / alpha). If v is the soft value
  alpha log E_p[exp(reward / alpha) | prefix], samples follow
  p(y) exp(reward(y) / alpha) / Z as `branch` grows; alpha -> 0 is `dvts`.
  Where all weights of a block are zero it draws evenly.

  Args:
    params: passed on to `step_fn`.
    rng_keys: [B] one key per problem, consumed.
    root: embedding of the prompts; the rows are a multiple of `branch`.
    step_fn: writes and scores one step of every row.
    take_fn: forks rows of the embedding.
    branch: M, candidates of each sample.
    alpha: temperature of the reward, positive.
    max_steps: T, steps a row may take.
    value_fn: aggregated scores to values.
    resample: SVDD-R: draws the samples that go on after each step but the
      last by the same weights; None: SVDD, samples never meet.
    aggregate: step scores to one score per row.
    run: takes the population to its end, see `queue`.

  Returns:
    SearchOutput with log_weight 0 for one row of each block, its sample, and
    -inf for the others; the best sample is chosen.
  """
  if not alpha > 0:
    raise ValueError(f"alpha must be positive, got {alpha}")
  population = loop.start(params, rng_keys, root, step_fn, max_steps)
  shape = population.rows.done.shape
  if shape[1] % branch:
    raise ValueError(f"root has {shape[1]} rows, branch is {branch}")
  younger = jnp.arange(shape[1]) % branch > 0

  def log_weights(rows):
    scores = aggregate(rows.step_scores, rows.num_steps)
    return ranking.comparable(value_fn(scores)) / alpha

  def select(keys, rows, step, idle):
    weights = log_weights(rows)
    picks = _pick(keys, jnp.where(idle, -jnp.inf, weights), branch)
    own = jnp.repeat(picks, branch, axis=1) != jnp.arange(shape[1])
    if resample is not None:
      picks = _resample(keys, weights, picks, resample)
    parents = jnp.repeat(picks, branch, axis=1)
    ended = jnp.take_along_axis(rows.done, parents, axis=1)
    wrote = jnp.any(step.wrote, axis=1, keepdims=True)
    unpicked = jnp.where(step.more[:, None], ended & younger, own)
    return parents, jnp.where(wrote, unpicked, idle)

  population, idle = run(
    params,
    rng_keys,
    population,
    step_fn,
    take_fn,
    select,
    jnp.zeros(shape, bool),
  )
  output = loop.finish(
    population,
    aggregate,
    log_weight=ranking.log_weight(idle, population.rows.last_score),
  )
  return output._replace(chosen=ranking.best(output.score, 1, [idle])[:, 0])


def _pick(keys: Array, log_weights: Array, branch: int) -> Array:
  """One row of each block, [B, N / branch]."""
  problems, rows = log_weights.shape
  blocks = jnp.arange(rows // branch)
  own_keys = jax.vmap(jax.vmap(jax.random.fold_in, (None, 0)), (0, None))(
    keys, blocks
  )
  draw = lambda key, weights: resampling.multinomial(key, weights, 1)[0]
  place = jax.vmap(jax.vmap(draw))(
    own_keys, log_weights.reshape(problems, -1, branch)
  )
  return place + blocks.astype(jnp.int32) * branch


def _resample(
  keys: Array, log_weights: Array, picks: Array, resample: resampling.ResampleFn
) -> Array:
  """Picks that go on, each as often as it was drawn."""
  num = picks.shape[1]
  weights = jnp.take_along_axis(log_weights, picks, axis=1)
  # Blocks have drawn from the keys below `num`.
  keys = loop.step_keys(keys, num)
  draw = lambda key, weights: resample(key, weights, num)
  return jnp.take_along_axis(picks, jax.vmap(draw)(keys, weights), axis=1)
