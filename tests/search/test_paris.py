"""Additive functionals of a hidden Markov model: 3 states, 4 steps."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.search import base, paris
from tests.search import reference, tabular

STATES, LENGTH, START = 3, 4, 3
RUNS = 4000
# p(next | state), the last line from the start; r(state), all observations
# being the same.
MOVES = np.array(
  [[0.7, 0.2, 0.1], [0.3, 0.4, 0.3], [0.05, 0.15, 0.8], [0.5, 0.3, 0.2]]
)
SCORES = np.array([0.1, 0.5, 0.9])


def increment(old, new):
  """h(x_{t-1}, x_t): moves, and something of where they go."""
  return (old != new) + 0.5 * new


def root(num, rows):
  shape = num, rows
  return {
    "state": jnp.full(shape, START, jnp.int32),
    "length": jnp.zeros(shape, jnp.int32),
  }


def step_fn(log_m, rng_keys, embedding, active=None):
  state, length = embedding["state"], embedding["length"]
  on = (length < LENGTH) & (True if active is None else active)
  draw = lambda key, row, law: jax.random.categorical(
    jax.random.fold_in(key, row), law
  )
  rows = jnp.arange(state.shape[1])
  new = jax.vmap(jax.vmap(draw, (None, 0, 0)), (0, None, 0))(
    rng_keys, rows, log_m[state]
  )
  new = jnp.where(on, new, state)
  log_q = jnp.where(on, log_m[state, jnp.minimum(new, STATES - 1)], 0)
  length = length + on
  count = on.astype(jnp.int32)
  return base.StepOutput(
    score=jnp.asarray(SCORES, jnp.float32)[jnp.minimum(new, STATES - 1)],
    log_prob=log_q,
    log_ratio=jnp.zeros_like(log_q),
    num_tokens=count,
    verifier_tokens=count,
    done=length == LENGTH,
    iterations=jnp.max(count, axis=1),
    ready=jnp.ones(count.shape[0], bool),
    cut=jnp.zeros(count.shape, bool),
  ), {"state": new, "length": length}


def transition_fn(log_m, before, after):
  pair = jax.vmap(lambda old, new: log_m[old][:, new])
  return pair(before["state"], after["state"])


def additive_fn(before, after):
  return increment(
    before["state"][:, :, None], after["state"][:, None, :]
  ).astype(jnp.float32)


def exact() -> float:
  """E[sum h] of p(path) prod r, by all 81 paths."""
  total = mass = 0.0
  for path in itertools.product(range(STATES), repeat=LENGTH):
    steps = list(zip((START, *path[:-1]), path, strict=True))
    weight = np.prod([MOVES[old, new] * SCORES[new] for old, new in steps])
    mass += weight
    total += weight * sum(increment(old, new) for old, new in steps)
  return total / mass


@functools.partial(
  tabular.jit, static_argnames=("rows", "iterations", "transition")
)
def estimate(rows, iterations, transition=transition_fn):
  return paris.paris_gibbs(
    jnp.log(jnp.asarray(MOVES, jnp.float32)),
    tabular.keys(RUNS),
    root(RUNS, rows),
    step_fn,
    additive_fn=additive_fn,
    transition_fn=transition,
    max_steps=LENGTH,
    iterations=iterations,
    burn_in=iterations // 2,
  )


@pytest.mark.parametrize("transition", [transition_fn, None])
def test_the_bias_of_a_filter_goes_with_the_sweeps(transition):
  found = estimate(3, 16, transition)
  first, late = np.asarray(found.sweeps[0]), np.asarray(found.value)
  assert abs(first.mean() - exact()) > 0.05
  reference.assert_mean(late, exact())


def test_backward_draws_vary_less_than_genealogies():
  drawn, traced = (
    np.asarray(estimate(3, 16, transition).value)
    for transition in (transition_fn, None)
  )
  assert drawn.std() < 0.97 * traced.std()


def test_an_update_is_the_mean_over_the_pasts():
  rng = np.random.default_rng(0)
  statistic = rng.normal(size=4)
  log_weight, increments = rng.normal(size=(2, 4, 4))
  log_weight[1, 2] = -np.inf
  log_weight[:, 3] = -np.inf
  found = jax.vmap(
    lambda key: paris.update(
      key,
      *(
        jnp.asarray(x, jnp.float32) for x in (statistic, log_weight, increments)
      ),
    )
  )(jax.random.split(jax.random.key(0), RUNS))
  found = np.asarray(found)
  weights = np.exp(log_weight[:, :3])
  weights /= weights.sum(axis=0)
  expected = (weights * (statistic[:, None] + increments[:, :3])).sum(axis=0)
  for i in range(3):
    reference.assert_mean(found[:, i], expected[i])
  np.testing.assert_array_equal(found[:, 3], 0)


def test_a_step_without_a_weight_weighs_nothing():
  """What cannot be weighed is as what weighs nothing, to the last bit."""

  @tabular.jit
  def sweeps(word):
    def weight_fn(output):
      return jnp.where(output.score > 0.2, paris.log_score(output), word)

    return paris.paris_gibbs(
      jnp.log(jnp.asarray(MOVES, jnp.float32)),
      tabular.keys(50),
      root(50, 4),
      step_fn,
      additive_fn=additive_fn,
      transition_fn=transition_fn,
      weight_fn=weight_fn,
      max_steps=LENGTH,
      iterations=2,
      burn_in=1,
    ).sweeps

  found, expected = sweeps(jnp.nan), sweeps(-jnp.inf)
  np.testing.assert_array_equal(found, expected)
  # Where all rows weigh nothing there is no average.
  assert np.isfinite(expected).mean() > 0.8


def test_bad_input():
  with pytest.raises(ValueError, match="burn_in"):
    paris.paris_gibbs(
      jnp.log(jnp.asarray(MOVES)),
      tabular.keys(1),
      root(1, 2),
      step_fn,
      additive_fn=additive_fn,
      max_steps=2,
      iterations=2,
      burn_in=2,
    )
