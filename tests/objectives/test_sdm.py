"""Similarity, distance, magnitude: by hand, limits, order."""

import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.objectives import sdm

Z = jnp.array([[1.0, 0.0]])
one = lambda x: jnp.array([float(x)])


def test_by_hand():
  found = sdm.activation(Z, one(3), one(0.8))
  np.testing.assert_allclose(found, [[0.783732, 0.216268]], atol=1e-6)
  softmax = sdm.activation(Z, one(np.e - 2), one(1))
  np.testing.assert_allclose(softmax, [[0.731059, 0.268941]], atol=1e-6)
  assert float(sdm.loss(found, jnp.array([0]), one(3))) == pytest.approx(
    -np.log(0.783732) / np.log(5), abs=1e-5
  )


def test_far_away_it_is_uniform():
  for z in (Z, 50 * Z, jnp.array([[3.0, -7.0]])):
    np.testing.assert_allclose(sdm.activation(z, one(9), one(0)), [[0.5, 0.5]])


def test_it_rises_with_similarity_and_nearness():
  q = [sdm.activation(Z, one(x), one(0.5))[0, 0] for x in range(6)]
  d = [sdm.activation(Z, one(3), one(x))[0, 0] for x in np.linspace(0, 1, 6)]
  assert (np.diff(q) > 0).all()
  assert (np.diff(d) > 0).all()


def test_neighbours_by_hand():
  """At 0.1: neighbours 0, 1 are good, 3 is of another class."""
  train = jnp.array([[0.0], [1.0], [3.0], [4.0]])
  predicted = jnp.array([0, 0, 1, 0])
  found = sdm.neighbours(
    jnp.array([[0.1], [3.2], [1.4]]), jnp.array([0, 1, 1]),
    train, predicted, jnp.ones(4, bool),
  )  # fmt: skip
  np.testing.assert_array_equal(found.similarity, [2, 1, 0])
  np.testing.assert_allclose(found.distance, [0.1, 0.2, 0.4], rtol=1e-5)
  hits = jnp.array([False, True, True, True])
  wrong = sdm.neighbours(
    jnp.array([[0.1]]), jnp.array([0]), train, predicted, hits
  )
  assert wrong.similarity[0] == 0


def test_distance_rank_is_of_the_own_class():
  held, labels = jnp.array([1.0, 2.0, 3.0, 9.0]), jnp.array([0, 0, 0, 1])
  found = sdm.distance_rank(
    *(jnp.array([0.5, 2.5, 4.0, 4.0, 1.0]), jnp.array([0, 0, 0, 1, 2])),
    *(held, labels),
  )
  np.testing.assert_allclose(found, [1, 1 / 3, 0, 1, 0], atol=1e-6)


def test_what_is_accepted_far_away_is_right_more_often():
  """Half of the test set is from elsewhere, where the labels are noise."""
  rng = np.random.default_rng(0)
  draw = lambda n, shift: rng.normal(size=(n, 2)) + shift
  label = lambda x: (x[:, 0] > 0).astype(int)
  train, held = draw(200, 0.0), draw(200, 0.0)
  test = np.concatenate([draw(100, 0.0), draw(100, np.array([0.0, 12.0]))])
  truth = label(test)
  truth[100:] = rng.integers(0, 2, 100)
  known = jnp.asarray(train), jnp.asarray(label(train)), jnp.ones(200, bool)
  near, other = (
    sdm.neighbours(jnp.asarray(x), jnp.asarray(label(x)), *known)
    for x in (test, held)
  )
  rank = sdm.distance_rank(
    *(near.distance, jnp.asarray(label(test))),
    *(other.distance, jnp.asarray(label(held))),
  )
  z = jnp.asarray(np.stack([-test[:, 0], test[:, 0]], axis=1) * 3)
  ones = jnp.ones(200)
  shares = sdm.activation(z, near.similarity, rank).max(axis=1)
  softmax = sdm.activation(z, (np.e - 2) * ones, ones).max(axis=1)
  right = label(test) == truth
  shares, softmax = np.asarray(shares), np.asarray(softmax)
  assert right[shares > 0.9].mean() > 0.97 > 0.85 > right[softmax > 0.9].mean()
