"""Several responses to a prompt: lists in order, and constraints."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.objectives import contrast, lists
from tests.objectives import minimise

THERE = jnp.array([[True, True, True, False]])
VALUES = jnp.array([[1.0, 0.5, 0.0, 1.0]])


def ordered(scores, values=VALUES, **options):
  return lists.preference_list(scores, values, THERE, **options)[0]


def test_a_list_by_hand():
  scores = jnp.array([[2.0, 1.0, 0.5, 9.0]])  # ranks 1, 2, 3
  loss = lambda d: np.log1p(np.exp(-d))
  want = 0.216196 * loss(1) + 0.5 * loss(1.5) + 0.054233 * loss(0.5)
  assert float(ordered(scores).total) == pytest.approx(want, abs=1e-5)
  equal = float(ordered(scores, weighting="equal").total)
  assert equal == pytest.approx(loss(1) + loss(1.5) + loss(0.5), abs=1e-5)


def test_the_minimiser_orders_by_value():
  for weighting in ("ndcg", "equal"):
    loss = lambda s, w=weighting: ordered(s, weighting=w).total
    start = jnp.array([[-1.0, 0.0, 1.0, 0.0]])
    found = minimise.minimise(loss, start, steps=300)[0]
    assert found[0] > found[1] > found[2]
    assert found[3] == 0


def test_responses_of_one_value_may_be_exchanged():
  values = jnp.array([[1.0, 0.5, 0.5, 0.0]])
  scores = jnp.array([[0.3, -0.2, 0.9, 0.0]])
  turned = scores[:, jnp.array([0, 2, 1, 3])]
  found = [float(ordered(s, values).total) for s in (scores, turned)]
  assert found[0] == pytest.approx(found[1], abs=1e-6)


RIGHT = jnp.array([[True, False, False, True]])


def aligned(scores, **options):
  return lists.alignment(scores, RIGHT, THERE, **options)[0].total


def test_alignment_by_hand():
  scores = jnp.array([[-0.5, -0.3, -1.0, 7.0]])
  plain = aligned(scores, constraint="none")
  assert float(plain) == pytest.approx(1.039546, abs=1e-6)
  assert float(aligned(scores, constraint="detached")) == float(plain)
  bound = aligned(scores, constraint="boundary", margin=0.1)
  assert float(bound) == pytest.approx(1.578589, abs=1e-6)


@pytest.mark.parametrize("constraint", ["none", "boundary"])
def test_gradients_are_those_of_finite_differences(constraint):
  """Of wrong responses; what is detached is so by definition."""
  with jax.enable_x64(True):
    scores = np.array([[-0.5, -0.3, -1.0, 7.0]])
    loss = jax.jit(lambda s: aligned(s, constraint=constraint))
    own = np.asarray(jax.grad(loss)(jnp.asarray(scores)))
    want = minimise.slopes(loss, scores)
  np.testing.assert_allclose(own[0, 1:], want[0, 1:], atol=1e-7)


def test_a_detached_wrong_response_is_not_pushed():
  loss = lambda s: aligned(s, constraint="detached")
  found = jax.grad(loss)(jnp.array([[-0.5, -0.3, -1.0, 7.0]]))[0]
  assert found[0] < 0
  assert (np.asarray(found)[1:] == 0).all()


def test_a_boundary_stops_the_fall():
  """Descent lowers s_n above the floor B and raises it below."""
  there = jnp.array([[True, True]])
  right = jnp.array([[True, False]])
  slope = jax.grad(
    lambda s: lists.alignment(s, right, there, margin=0.1)[0].total
  )
  floor = -0.6
  at = lambda s: float(slope(jnp.array([[-0.5, s]]))[0, 1])
  assert at(floor) == pytest.approx(0, abs=1e-6)
  assert at(floor + 0.2) > 0 > at(floor - 0.2)


def test_a_list_of_one_kind_has_no_loss():
  mean, _ = lists.alignment(jnp.ones((1, 4)), THERE, THERE)
  assert (float(mean.total), float(mean.count)) == (0, 0)
  slope = jax.grad(lambda s: lists.alignment(s, THERE, THERE)[0].total)
  assert (np.asarray(slope(jnp.ones((1, 4)))) == 0).all()


def test_contrastive_estimation_by_hand():
  positive, negative = jnp.array([2.0, 0.0, -1.0]), jnp.array([0.0, 1.0, -1.0])
  law = contrast.estimation(positive, negative)
  np.testing.assert_allclose(law, [0.986703, 0.006648, 0.006648], atol=1e-6)
  found = contrast.token_weights(
    jnp.stack([positive] * 2), jnp.stack([negative] * 2), jnp.array([0, 2])
  )
  np.testing.assert_allclose(found, [1 - 0.986703, 1 - 0.006648], atol=1e-6)


def test_the_contrast_of_exact_conditionals_finds_the_critical_token():
  """log p_pos - log p_neg = logit V(sa) - logit V(s), by enumeration."""
  rng = np.random.default_rng(0)
  policy = rng.dirichlet(np.ones(4), size=50)
  value = rng.uniform(0.05, 0.95, size=(50, 4))
  before = (policy * value).sum(-1, keepdims=True)
  positive = np.log(policy * value / before)
  negative = np.log(policy * (1 - value) / (1 - before))
  logit = lambda v: np.log(v / (1 - v))
  np.testing.assert_allclose(
    positive - negative, logit(value) - logit(before), atol=1e-12
  )
  # With a uniform policy the least estimate is the action of least value.
  even = np.log(value / value.sum(-1, keepdims=True))
  odd = np.log((1 - value) / (1 - value).sum(-1, keepdims=True))
  law = np.asarray(contrast.estimation(jnp.asarray(even), jnp.asarray(odd)))
  np.testing.assert_array_equal(law.argmin(-1), value.argmin(-1))
