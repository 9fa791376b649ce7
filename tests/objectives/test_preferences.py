"""Pairs: golden values, gradients, and what each loss converges to."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.objectives import embeddings, preferences, ranking
from tests.objectives import minimise

ONE = jnp.ones(1)


def total(loss):
  return float(loss[0].total)


def test_pairwise_targets_sum_to_one():
  p, q = jnp.array([0.9, 0.3, 0.5]), jnp.array([0.2, 1.0, 0.5])
  found = preferences.preferred(p, q)
  np.testing.assert_allclose(found, [0.85, 0.15, 0.5], atol=1e-6)
  np.testing.assert_allclose(found + preferences.preferred(q, p), 1, atol=1e-6)


def test_soft_pairs_converge_to_the_log_odds():
  target = jnp.array([0.85])
  loss = lambda x: preferences.soft_pair(x, jnp.zeros(1), target, ONE)[0].total
  found = minimise.minimise(loss, jnp.zeros(1))
  assert found[0] == pytest.approx(np.log(0.85 / 0.15), abs=1e-3)


def test_tree_plv_by_hand():
  better = jnp.array([[0.2, 0.9, 5.0], [0.2, 0.9, 0.0]])
  worse = jnp.array([[-0.1, 0.4, 0.0], [-0.1, 0.4, 9.0]])
  both = jnp.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0]])
  loss, found = preferences.steps_sum(better, worse, both)
  assert float(loss.compute()) == pytest.approx(1.028432, abs=1e-6)
  assert float(found["accuracy"].compute()) == 1


def test_conservative_dpo_converges_to_its_doubt():
  loss = lambda x: (
    preferences.conservative(0.1 * x, jnp.zeros(1), ONE, smoothing=0.2)[0].total
  )
  found = minimise.minimise(loss, jnp.zeros(1), rate=1.0)
  assert 0.1 * found[0] == pytest.approx(np.log(0.8 / 0.2), abs=1e-3)


def test_smoothing_from_visits_by_hand():
  found = preferences.visit_smoothing(
    jnp.array([2.0, 5.0]), jnp.array([5.0, 2.0])
  )
  np.testing.assert_allclose(found, [0.5, 0.285714], atol=1e-6)


def test_identity_preference_converges_to_its_gap():
  loss = lambda x: preferences.identity(x, jnp.zeros(1), ONE, beta=0.1)[0].total
  found = minimise.minimise(loss, jnp.zeros(1), rate=0.5)
  assert found[0] == pytest.approx(5, abs=1e-3)


def test_a_scaled_pair_weighs_its_gap():
  gap = jnp.array([3.0])
  found = preferences.scaled(jnp.array([0.5]), jnp.zeros(1), ONE, gap=gap)
  plain = ranking.bradley_terry(jnp.array([0.5]), jnp.zeros(1), ONE)
  assert total(found) == pytest.approx(3 * total(plain))


def test_step_apo_by_its_gradient():
  """beta sigma(alpha dQ - beta dlr): more for a wider gap; log 2 at balance."""
  slope = jax.grad(
    lambda d, gap: (
      ranking.bradley_terry(0.3 * d, jnp.zeros(1), ONE, margin=gap)[0].total
    )
  )
  found = [
    float(slope(jnp.array([0.5]), jnp.array([g]))[0]) for g in (0.0, 0.5, 1.0)
  ]
  want = [-0.3 / (1 + np.exp(0.15 - g)) for g in (0.0, 0.5, 1.0)]
  np.testing.assert_allclose(found, want, rtol=1e-6)
  even = ranking.bradley_terry(
    jnp.array([1.0]), jnp.zeros(1), ONE, margin=jnp.array([1.0])
  )
  assert total(even) == pytest.approx(np.log(2))


def test_step_dpo_finds_differences_of_q_within_a_state():
  """E6: Bradley-Terry preferences of exact Q at two states of three actions."""
  q, tau = np.array([[0.2, 0.5, 0.9], [0.1, 0.0, 0.4]]), 0.3
  first, second = np.nonzero(~np.eye(3, dtype=bool))
  prob = 1 / (1 + np.exp(-(q[:, first] - q[:, second]) / tau))

  def loss(table):
    better, worse = table[:, first], table[:, second]
    mean, _ = ranking.bradley_terry(better, worse, jnp.asarray(prob))
    return mean.total

  found = minimise.minimise(loss, jnp.zeros((2, 3)))
  centred = lambda x: x - x.mean(axis=1, keepdims=True)
  np.testing.assert_allclose(centred(found), centred(q / tau), atol=2e-3)


@pytest.mark.parametrize("name", ["soft", "steps", "identity", "scaled", "gpm"])
def test_gradients_are_those_of_finite_differences(name):
  rng = np.random.default_rng(1)
  weights = np.array([1.0, 0.0, 0.5])
  target, gap = rng.random((2, 3))

  def loss(x):
    w, (better, worse) = jnp.asarray(weights), jnp.asarray(x)
    if name == "soft":
      found = preferences.soft_pair(better[0], worse[0], jnp.asarray(target), w)
    elif name == "steps":
      both = jnp.asarray(weights > 0, float)[None].repeat(2, 0)
      found = preferences.steps_sum(better, worse, both)
    elif name == "identity":
      found = preferences.identity(better[0], worse[0], w, beta=0.3)
    elif name == "scaled":
      found = preferences.scaled(better[0], worse[0], w, gap=jnp.asarray(gap))
    else:
      found = embeddings.general_preference(better.T, worse.T, w)
    return found[0].total

  with jax.enable_x64(True):
    x = rng.normal(size=(2, 2, 3))
    own = np.asarray(jax.grad(loss)(jnp.asarray(x)))
    np.testing.assert_allclose(
      own, minimise.slopes(jax.jit(loss), x), atol=1e-8
    )
  if name != "steps":
    assert (own[:, 0, 1] == 0).all()  # there is no pair


def test_no_pair_is_not_seen():
  bad, w = jnp.array([jnp.nan, 1.0]), jnp.array([0.0, 1.0])
  for fn in (
    lambda x: preferences.soft_pair(x, jnp.zeros(2), jnp.full(2, 0.5), w),
    lambda x: preferences.identity(x, jnp.zeros(2), w, beta=1.0),
    lambda x: embeddings.general_preference(
      jnp.stack([x, x], -1), jnp.ones((2, 2)), w
    ),
  ):
    assert np.isfinite(fn(bad)[0].total)
    slope = jax.grad(lambda x, fn=fn: fn(x)[0].total)(bad)
    assert np.isfinite(slope).all()


CYCLE = np.array([[0, 1], [1, 2], [2, 0]])  # each beats the next


def test_a_cycle_of_preferences_is_representable():
  """One plane holds it; scores per response lose one pair at best."""
  angle = np.arange(3) * 2 * np.pi / 3
  v = jnp.asarray(np.stack([np.cos(angle), np.sin(angle)], -1))
  scores = embeddings.score(v[:, None], v[None])
  np.testing.assert_allclose(scores, -scores.T, atol=1e-6)
  assert (np.asarray(scores)[CYCLE[:, 0], CYCLE[:, 1]] > 0.8).all()

  loss = lambda s: (
    ranking.bradley_terry(s[CYCLE[:, 0]], s[CYCLE[:, 1]], jnp.ones(3))[0].total
  )
  start = jnp.array([0.3, -0.2, 0.7])
  found = minimise.minimise(loss, start)
  assert float(loss(jnp.asarray(found))) == pytest.approx(
    3 * np.log(2), abs=1e-4
  )

  pairs = lambda v: (
    embeddings.general_preference(
      v[CYCLE[:, 0]], v[CYCLE[:, 1]], jnp.ones(3), temperature=1.0
    )[0].total
  )
  learnt = minimise.minimise(pairs, jnp.asarray(np.asarray(v) + 0.3))
  assert float(pairs(jnp.asarray(learnt))) < 0.01


def test_bradley_terry_is_a_general_preference():
  s = jnp.array([0.4, -1.0, 2.0])
  v = jnp.stack([s, jnp.ones(3)], -1)
  found = embeddings.score(v[:, None], v[None])
  np.testing.assert_allclose(found, s[:, None] - s[None], atol=1e-6)


def test_an_odd_embedding_is_refused():
  with pytest.raises(ValueError, match="no planes"):
    embeddings.score(jnp.ones(3), jnp.ones(3))
