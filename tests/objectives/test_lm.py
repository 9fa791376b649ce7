"""Next-token cross-entropy by hand, and its targets from a packed row."""

import jax
import jax.numpy as jnp
import numpy as np

from prm_jax.objectives import lm


def test_loss_and_accuracy_by_hand():
  probs = jnp.array([[[0.5, 0.25, 0.25], [0.1, 0.2, 0.7], [1, 1, 1]]])
  loss, found = jax.jit(lm.cross_entropy)(
    jnp.log(probs), jnp.array([[1, 2, 0]]), jnp.array([[1.0, 3.0, 0.0]])
  )
  expected = -(np.log(0.25) + 3 * np.log(0.7))
  np.testing.assert_allclose(loss.total, expected, rtol=1e-6)
  assert float(loss.count) == 4
  assert float(found["accuracy"].compute()) == 0.75
  assert found["loss"].compute() == loss.compute()


def test_next_tokens_stay_within_their_segment():
  tokens = jnp.array([[5, 6, 7, 8, 9, 0, 0]])
  segments = jnp.array([[1, 1, 1, 2, 2, 0, 0]])
  weights = jnp.array([[0.0, 2, 1, 4, 3, 0, 0]])
  targets, found = jax.jit(lm.next_tokens)(tokens, segments, weights)
  assert found.tolist() == [[2, 1, 0, 3, 0, 0, 0]]
  used = np.asarray(found)[0] > 0
  assert np.asarray(targets)[0][used].tolist() == [6, 7, 9]


def test_gradient_is_softmax_minus_one_hot():
  logits = jnp.array([[0.3, -1.0, 2.0]])

  @jax.jit
  @jax.grad
  def gradient(logits):
    return lm.cross_entropy(logits, jnp.array([1]), jnp.array([2.0]))[0].total

  expected = 2 * (jax.nn.softmax(logits) - jnp.array([[0, 1, 0]]))
  np.testing.assert_allclose(gradient(logits), expected, rtol=1e-5, atol=1e-6)
