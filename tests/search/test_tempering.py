import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.search import base, tempering
from tests.search import reference_particles, tabular

RUNS = 3000


def test_a_swap_leaves_the_product_of_targets_invariant():
  """All 31 x 31 pairs of solutions, exactly."""
  solutions = tabular.solutions()
  reward = np.array([s.scores[-1] for s in solutions])
  hot, cold = (
    reference_particles.posterior(lambda s, b=b: np.exp(b * s.scores[-1]))[1]
    for b in (1.0, 7.0)
  )
  size = len(solutions)
  pairs = jnp.asarray(
    [[reward[i], reward[j]] for i in range(size) for j in range(size)]
  )
  accept = np.exp(
    np.asarray(tempering.log_accept(jnp.array([1.0, 7.0]), pairs))
  ).reshape(size, size)
  product = hot[:, None] * cold
  moves = np.zeros((size * size, size * size))
  for i, j in itertools.product(range(size), repeat=2):
    moves[i * size + j, j * size + i] += accept[i, j]
    moves[i * size + j, i * size + j] += 1 - accept[i, j]
  np.testing.assert_allclose(moves.sum(axis=1), 1)
  np.testing.assert_allclose(
    product.ravel() @ moves, product.ravel(), atol=1e-8
  )
  assert 0.1 < (product * accept).sum() < 0.9  # neither never nor always


def test_pairs_of_one_parity_swap_as_often_as_they_should():
  strengths = jnp.array([0.25, 0.5, 1.0, 2.0])
  rewards = jnp.array([3.0, 2.0, 0.5, 1.5])
  place = jax.vmap(
    lambda key, parity: tempering.swapped(key, strengths, rewards, parity),
    in_axes=(0, None),
  )
  accept = np.exp(tempering.log_accept(strengths, rewards))
  # A solution that is better goes to the colder chain at once.
  assert accept[0] == 1
  assert accept[1] == 1
  np.testing.assert_allclose(accept[2], np.exp(-1), rtol=1e-6)
  for parity in range(2):
    found = np.asarray(place(jax.random.split(jax.random.key(0), RUNS), parity))
    for pair in range(3):
      swaps = (found[:, pair] == pair + 1) & (found[:, pair + 1] == pair)
      expected = accept[pair] if pair % 2 == parity else 0
      if pair % 2 == parity:
        bound = 4.5 * np.sqrt(expected * (1 - expected) / RUNS)
        assert abs(swaps.mean() - expected) <= bound
      else:
        assert not swaps.any()
    np.testing.assert_array_equal(np.sort(found, axis=1), [[0, 1, 2, 3]] * RUNS)


def test_a_failed_score_is_not_passed_on():
  accept = tempering.log_accept(
    jnp.array([0.5, 1.0]), jnp.array([jnp.nan, 0.5])
  )
  np.testing.assert_array_equal(accept, [-np.inf])


@functools.partial(tabular.jit, static_argnames="iterations")
def temper(iterations):
  return tempering.parallel_tempering(
    tabular.table(),
    tabular.keys(RUNS),
    tabular.root(RUNS, 6),
    tabular.step_fn,
    max_steps=tabular.LENGTH,
    temperatures=(1.0, 0.4, 0.15),
    iterations=iterations,
    scheme="systematic",
    choose="sample",
  )


def test_the_last_chain_finds_its_target():
  _, law = reference_particles.posterior(lambda s: np.exp(s.scores[-1] / 0.15))

  def distance(output):
    weights = np.asarray(jax.nn.softmax(output.log_weight, axis=1))
    np.testing.assert_array_equal(weights[:, :4], 0)
    codes = np.asarray(output.embedding["code"])
    masses = np.bincount(codes.ravel(), weights.ravel(), minlength=256)
    return np.abs(masses[tabular.codes()] / RUNS - law).sum() / 2

  early, late = temper(1), temper(160)
  assert distance(early) > 0.4
  assert distance(late) < 0.045
  for output in (early, late):
    chosen = np.asarray(output.chosen)
    # Rows of the last chain, and not always the same one.
    assert set(chosen.tolist()) == {4, 5}
    weight = np.asarray(output.log_weight)[np.arange(RUNS), chosen]
    assert np.isfinite(weight).all()


def test_bad_input():
  with pytest.raises(ValueError, match="4 rows for 3 temperatures"):
    tempering.parallel_tempering(
      tabular.table(),
      tabular.keys(1),
      tabular.root(1, 4),
      tabular.step_fn,
      base.take,
      max_steps=2,
    )
