"""Step labels: hazards, masking after the first error, neutral steps."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.objectives import process


@pytest.fixture(autouse=True)
def float64():
  with jax.enable_x64(True):
    yield


def first_error_solutions(hazards):
  """(labels [z, t], probabilities [z]) for a first error at z or none."""
  num_steps = len(hazards)
  survival = np.cumprod(1 - hazards)
  prob = np.append(hazards * np.append(1, survival[:-1]), survival[-1])
  labels = np.arange(num_steps) < np.arange(num_steps + 1)[:, None]
  return labels.astype(int), prob


@pytest.mark.parametrize("seed", range(3))
def test_minimiser_is_one_minus_the_hazard(seed):
  rng = np.random.default_rng(seed)
  hazards = rng.uniform(0.05, 0.6, 4)
  labels, prob = first_error_solutions(hazards)
  targets = jnp.asarray(labels)
  weights = process.until_first_error(
    targets, jnp.broadcast_to(jnp.asarray(prob)[:, None], labels.shape)
  )

  def loss(table):  # one pair of logits per step of an error-free prefix
    logits = jnp.broadcast_to(table, (*labels.shape, 2))
    return process.hard_cross_entropy(logits, targets, weights)[0].total

  loss = jax.jit(loss)
  minimiser = np.log(np.stack([hazards, 1 - hazards], -1))
  np.testing.assert_allclose(jax.jit(jax.grad(loss))(minimiser), 0, atol=1e-12)
  for _ in range(10):
    moved = minimiser + 0.1 * rng.normal(size=minimiser.shape)
    assert loss(moved) > loss(minimiser)
  scores = jax.jit(process.not_wrong)(minimiser)
  np.testing.assert_allclose(scores, 1 - hazards, rtol=1e-12)
  np.testing.assert_allclose(np.prod(scores), prob[-1], rtol=1e-12)


def test_product_is_the_value_only_where_errors_are_final():
  error, num_steps = 0.1, 4
  product = float(np.prod(np.full(num_steps, 1 - error)))
  with_recovery = 0.7132037  # chain with recovery .05 and luck .1
  ok, bad = 1.0, 0.1
  for _ in range(num_steps):
    ok, bad = (1 - error) * ok + error * bad, 0.05 * ok + 0.95 * bad
  np.testing.assert_allclose(ok, with_recovery, atol=1e-7)
  np.testing.assert_allclose(ok - product, 0.0571037, atol=1e-7)
  ok, bad = 1.0, 0.0
  for _ in range(num_steps):
    ok = (1 - error) * ok + error * bad
  np.testing.assert_allclose(ok, product, rtol=1e-14)


def test_labels_after_the_first_error_change_nothing():
  rng = np.random.default_rng(0)
  logits = jnp.asarray(rng.normal(size=(3, 6, 2)))
  read = jnp.asarray([[0, 1, 0, 1, 1, 1], [1, 1, 1, 1, 0, 0], [0] * 6], float)
  targets = np.array([[0, 1, 0, 0, 1, 1], [1, 1, 1, 1, 0, 0], [0] * 6])
  changed = targets.copy()
  changed[0, 4:] = [0, 0]  # after the error at the second step that is read
  changed[1, 4:] = [1, 1]  # not read at all

  @jax.jit
  def both(labels):
    weights = process.until_first_error(labels, read)
    return jax.value_and_grad(
      lambda x: process.hard_cross_entropy(x, labels, weights)[0].total
    )(logits)

  loss, gradient = both(targets)
  other_loss, other_gradient = both(changed)
  assert float(loss) == float(other_loss)
  assert np.array_equal(gradient, other_gradient)
  used = np.any(np.asarray(gradient) != 0, axis=-1)
  assert used.tolist() == [
    [False, True, False, True, False, False],
    [True, True, True, True, False, False],
    [False] * 6,
  ]


def test_neutral_counts_as_right():
  logits = jnp.log(jnp.array([0.2, 0.3, 0.5]))[None]
  np.testing.assert_allclose(process.not_wrong(logits), [0.8])
  _, found = jax.jit(process.hard_cross_entropy)(
    jnp.tile(logits, (3, 1)), jnp.array([0, 1, 2]), jnp.ones(3)
  )
  np.testing.assert_allclose(found["value"].compute(), 0.8)
  np.testing.assert_allclose(found["target"].compute(), 2 / 3)
  np.testing.assert_allclose(found["accuracy"].compute(), 1 / 3)
  np.testing.assert_allclose(
    found["loss"].compute(), -np.log([0.2, 0.3, 0.5]).mean()
  )


def test_soft_labels_at_0_and_1_are_hard_labels():
  rng = np.random.default_rng(1)
  logits = jnp.asarray(rng.normal(size=(2, 5, 2)))
  targets = jnp.asarray(rng.integers(2, size=(2, 5)))
  weights = jnp.asarray(rng.random((2, 5)))
  hard = jax.jit(process.hard_cross_entropy)(logits, targets, weights)
  soft = jax.jit(process.soft_cross_entropy)(
    logits, targets.astype(float), weights
  )
  for a, b in zip(jax.tree.leaves(hard), jax.tree.leaves(soft), strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-14)


def test_soft_minimiser_is_the_fraction():
  share = 0.3
  logits = jnp.log(jnp.array([[[1 - share, share]]]))

  @jax.jit
  @jax.grad
  def gradient_of(logits):
    targets = jnp.full((1, 1), share)
    weights = jnp.ones((1, 1))
    return process.soft_cross_entropy(logits, targets, weights)[0].total

  gradient = gradient_of(logits)
  np.testing.assert_allclose(gradient, 0, atol=1e-15)


def test_distribution_is_a_mixture_of_hard_labels():
  logits = jnp.asarray(np.random.default_rng(2).normal(size=(1, 3)))
  shares = np.array([0.5, 0.2, 0.3])
  mixed = sum(
    share
    * process.hard_cross_entropy(logits, jnp.array([c]), jnp.ones(1))[0].total
    for c, share in enumerate(shares)
  )
  whole, _ = process.distribution_cross_entropy(
    logits, jnp.asarray(shares)[None], jnp.ones(1)
  )
  np.testing.assert_allclose(whole.total, mixed, rtol=1e-14)
