"""Gradients of objectives of solutions against finite differences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.objectives import implicit, pooling, sdm, survival
from tests.objectives import minimise

RNG = np.random.default_rng(0)
RATIOS = RNG.normal(size=(3, 4))
MASK = np.array([[1, 1, 1, 0], [1, 1, 1, 1], [0, 0, 0, 0]], float)
CORRECT = np.array([1.0, 0.0, 1.0])
THERE = np.array([1.0, 1.0, 0.0])


def rewards(x):
  """Of log-ratios; the second response is the worse one of the first."""
  q = implicit.values(x, jnp.zeros_like(x), jnp.asarray(MASK), beta=0.3)
  return q[:, -1]


def implicit_loss(form, x):
  r, z, w = rewards(x), jnp.asarray(CORRECT), jnp.asarray(THERE)
  if form == "ce":
    return implicit.cross_entropy(r, z, w)[0].total
  if form == "kto":
    return implicit.kto(r, z, jnp.asarray(0.1), w)[0].total
  pair = {"dpo": implicit.dpo, "nca": implicit.nca}[form]
  return pair(r[:1], r[1:2])[0].total


@pytest.mark.parametrize("form", ["ce", "dpo", "nca", "kto"])
def test_log_ratios(form):
  with jax.enable_x64(True):
    loss = lambda x: implicit_loss(form, x)
    own = np.asarray(jax.grad(loss)(jnp.asarray(RATIOS)))
    want = minimise.slopes(jax.jit(loss), RATIOS)
  np.testing.assert_allclose(own, want, atol=1e-8)
  assert (own[MASK == 0] == 0).all()
  assert np.abs(own).max() > 1e-3


@pytest.mark.parametrize("variant", ["proper", "reported"])
def test_hazards(variant):
  """A right one, one with a known and one with an unknown first error."""
  logits = RNG.normal(size=(3, 4))
  is_step = np.array([[1, 1, 1, 0], [1, 1, 1, 1], [1, 1, 0, 0]], bool)

  def loss(x):
    right = jnp.array([True, False, False])
    first = jnp.array([-1, 2, -1])
    found, _ = survival.loss(
      x, jnp.asarray(is_step), right, first, variant=variant
    )
    return found.total

  with jax.enable_x64(True):
    own = np.asarray(jax.grad(loss)(jnp.asarray(logits)))
    want = minimise.slopes(jax.jit(loss), logits)
  np.testing.assert_allclose(own, want, atol=1e-8)
  assert (own[~is_step] == 0).all()
  if variant == "proper":
    assert own[1, 3] == 0  # behind the first error


@pytest.mark.parametrize("form", ["max", "noisy_or", "log_mean_exp"])
def test_pools(form):
  badness = RNG.normal(size=(2, 4))
  is_step = np.array([[1, 1, 1, 0], [1, 1, 1, 1]], bool)

  def loss(x):
    pooled = pooling.pool(x, jnp.asarray(is_step), form=form, temperature=0.5)
    wrong = jnp.array([1.0, 0.0])
    return pooling.cross_entropy(pooled, wrong, jnp.ones(2))[0].total

  with jax.enable_x64(True):
    own = np.asarray(jax.grad(loss)(jnp.asarray(badness)))
    want = minimise.slopes(jax.jit(loss), badness)
  np.testing.assert_allclose(own, want, atol=1e-7)
  assert (own[~is_step] == 0).all()


def test_similarity_distance_magnitude():
  logits, labels = RNG.normal(size=(3, 2)), np.array([0, 1, 1])

  def loss(x):
    q, d = jnp.array([0.0, 3.0, 9.0]), jnp.array([0.2, 0.9, 1.0])
    return sdm.loss(sdm.activation(x, q, d), jnp.asarray(labels), q)

  with jax.enable_x64(True):
    own = np.asarray(jax.grad(loss)(jnp.asarray(logits)))
    want = minimise.slopes(jax.jit(loss), logits)
  np.testing.assert_allclose(own, want, atol=1e-8)
