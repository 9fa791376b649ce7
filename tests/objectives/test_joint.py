"""Policy and value together: the batch's loss by hand, its gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.objectives import joint
from tests.objectives import minimise

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(2, 4, 3))
FOLLOWING = RNG.integers(3, size=(2, 4))
POLICY = np.array([[0, 1, 1, 1], [0, 0, 0, 0.0]])  # the second is wrong
READ = RNG.normal(size=(2, 4))
TARGETS = np.array([[0, 0.2, 0, 1], [0, -0.5, 0, -1.0]])
WEIGHTS = np.array([[0, 1, 0, 1], [0, 1, 0, 1.0]])


def loss(logits, read, coefficient=0.01):
  mean, _ = joint.policy_value(
    jnp.asarray(logits),
    jnp.asarray(FOLLOWING),
    jnp.asarray(POLICY),
    jnp.tanh(jnp.asarray(read)),
    jnp.asarray(TARGETS),
    jnp.asarray(WEIGHTS),
    coefficient=coefficient,
  )
  return mean.total / mean.count


@pytest.fixture(autouse=True)
def float64():
  with jax.enable_x64(True):
    yield


def test_by_hand():
  law = LOGITS - np.log(np.exp(LOGITS).sum(-1, keepdims=True))
  said = np.take_along_axis(law, FOLLOWING[..., None], -1)[..., 0]
  written = -(said * POLICY).sum() / 3
  error = ((np.tanh(READ) - TARGETS) ** 2 * WEIGHTS).sum() / 4.001
  assert float(loss(LOGITS, READ)) == pytest.approx(written + 0.01 * error)


def test_gradients_are_those_of_finite_differences():
  own = jax.grad(loss, argnums=(0, 1))(jnp.asarray(LOGITS), jnp.asarray(READ))
  for found, f, at in (
    (own[0], jax.jit(lambda x: loss(x, READ)), LOGITS),
    (own[1], jax.jit(lambda x: loss(LOGITS, x)), READ),
  ):
    np.testing.assert_allclose(found, minimise.slopes(f, at), atol=1e-8)
  assert (np.asarray(own[0])[1] == 0).all()  # no policy of a wrong path
  assert (np.asarray(own[1])[WEIGHTS == 0] == 0).all()


def test_a_saturated_tanh_hardly_moves():
  """The force on the logit is 2 (v - Q) (1 - v^2); cross-entropy's is not."""
  read = np.array([[0, 6.0, 0, 0], [0, 0, 0, 0]])
  found = jax.grad(lambda x: loss(LOGITS, x, 1.0))(jnp.asarray(read))
  v = np.tanh(6.0)
  want = 2 * (v - 0.2) * (1 - v**2) / 4.001
  assert float(found[0, 1]) == pytest.approx(want)
  assert want < 1e-4
  cross = 1 / (1 + np.exp(-6.0)) - 0.6  # of sigmoid on (Q + 1) / 2
  assert cross > 0.3


def test_shares_on_the_scale_of_tanh():
  found = joint.on_tanh_scale(jnp.array([0.0, 0.5, 1.0]))
  np.testing.assert_array_equal(found, [-1, 0, 1])
