"""Reward balanced search: REBASE."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from prm_jax import types
from prm_jax.search import aggregate as aggregate_lib
from prm_jax.search import base, loop, ranking

# Relative error of a share in float32, with room to spare. No share is so
# small that this matters: of what is left, the best get the average or more.
ROUNDING = 1e-5


def rebase(
  params: types.Params,
  rng_keys: types.PRNGKeys,
  root: base.Embedding,
  step_fn: base.StepFn,
  take_fn: base.TakeFn = base.take,
  *,
  temperature: float = 0.2,
  max_steps: int,
  aggregate: base.AggregateFn = aggregate_lib.last,
  run: loop.RunFn = loop.run,
) -> base.SearchOutput:
  """Shares the rows among the prefixes by softmax of score (2408.00724).

  After each step a finished row keeps its place, and the other rows are
  continuations of the unfinished prefixes, n_j of prefix j as `allocate`
  says. Rows stay in the order of their parents. No row is ever idle, and
  every finished row is in the output.

  Args:
    params: passed on to `step_fn`.
    rng_keys: [B] one key per problem, consumed.
    root: embedding of the prompts with N rows each.
    step_fn: writes and scores one step of every row.
    take_fn: forks rows of the embedding.
    temperature: T_b of the softmax, positive.
    max_steps: T, steps a row may take; 25 in the paper.
    aggregate: step scores to the score that prefixes and solutions have.
    run: takes the population to its end, see `queue`.
  """
  if not temperature > 0:
    raise ValueError(f"temperature must be positive, got {temperature}")
  population = loop.start(params, rng_keys, root, step_fn, max_steps)
  num = population.rows.done.shape[1]
  order = jnp.arange(num, dtype=jnp.int32)
  repeat = jax.vmap(
    lambda counts: jnp.repeat(order, counts, total_repeat_length=num)
  )

  def select(keys, rows, step, memory):
    del keys, step  # deterministic
    score = aggregate(rows.step_scores, rows.num_steps)
    width = num - jnp.sum(rows.done, axis=1)
    shares = jax.vmap(allocate, (0, 0, 0, None))(
      score, ~rows.done, width, temperature
    )
    return repeat(jnp.where(rows.done, 1, shares)), memory

  population, _ = run(params, rng_keys, population, step_fn, take_fn, select)
  return loop.finish(population, aggregate)


def allocate(
  scores: Float[Array, "N"],
  eligible: Bool[Array, "N"],
  width: Int[Array, ""],
  temperature: float,
) -> Int[Array, "N"]:
  """Continuations of each eligible prefix; they sum up to `width`.

  Best first, prefix j with e_j = exp(score_j / temperature) gets
  ceil(width * e_j / sum e), where width and sum are what prefixes before it
  have left over. So the rounding favours the better ones and low scores may
  get nothing. A NaN score is the worst.
  """
  scores = ranking.comparable(scores)
  top = jnp.max(jnp.where(eligible, scores, -jnp.inf))
  equal = jnp.isneginf(top)  # nothing but NaN
  e = jnp.where(equal, 1.0, jnp.exp((scores - top) / temperature))
  e = jnp.where(eligible, e, 0.0)
  order = ranking.best(scores, scores.shape[0], [~eligible])
  e = e[order]
  # Sums over the rest instead of differences: the last one is e_j itself.
  rest = jnp.cumsum(e[::-1])[::-1]

  def give(left, share):
    e, rest = share
    num = left * e / jnp.where(rest > 0, rest, 1.0)
    # A quotient that is a whole number may come out a little above it.
    num = jnp.ceil(num * (1 - ROUNDING))
    num = jnp.minimum(num.astype(jnp.int32), left)
    return left - num, num

  _, counts = jax.lax.scan(give, width.astype(jnp.int32), (e, rest))
  return jnp.zeros_like(counts).at[order].set(counts)
