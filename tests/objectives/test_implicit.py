"""Rewards by log-ratios: the identity by enumeration, losses by hand."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.objectives import implicit


def law(rng, depth):
  """log P(next of 3 | prefix) for all prefixes, as a dict."""
  found = {}
  for length in range(depth):
    for prefix in itertools.product(range(3), repeat=length):
      logits = rng.normal(size=3)
      found[prefix] = logits - np.log(np.exp(logits).sum())
  return found


@pytest.mark.parametrize("beta", [0.05, 1.0])
def test_values_are_soft_maxima_of_what_may_follow(beta):
  rng = np.random.default_rng(0)
  depth = 4
  pi, ref = law(rng, depth), law(rng, depth)
  leaves = list(itertools.product(range(3), repeat=depth))
  of = lambda model, y: np.array([model[y[:i]][y[i]] for i in range(depth)])
  log_pi, log_ref = (np.stack([of(m, y) for y in leaves]) for m in (pi, ref))
  found = np.asarray(
    implicit.values(
      jnp.asarray(log_pi, jnp.float32),
      jnp.asarray(log_ref, jnp.float32),
      jnp.ones(log_pi.shape),
      beta=beta,
    )
  )
  reward = beta * (log_pi - log_ref).sum(axis=1)
  mass = np.exp(log_ref.sum(axis=1))
  assert np.sum(mass * np.exp(reward / beta)) == pytest.approx(1)
  for row, y in enumerate(leaves):
    for t in range(1, depth + 1):
      same = np.array([other[:t] == y[:t] for other in leaves])
      share = mass[same] / mass[same].sum()
      want = beta * np.log(share @ np.exp(reward[same] / beta))
      assert found[row, t - 1] == pytest.approx(want, abs=1e-5)


def test_cross_entropy_by_hand():
  ratio = jnp.array([[1.0, -0.5, 2.0, 7.0]])
  mask = jnp.array([[1.0, 1.0, 1.0, 0.0]])
  q = implicit.values(ratio, jnp.zeros_like(ratio), mask)
  np.testing.assert_allclose(q, [[0.05, 0.025, 0.125, 0.125]], atol=1e-7)
  loss, _ = implicit.cross_entropy(q[:, -1], jnp.ones(1))
  assert float(loss.total) == pytest.approx(0.632599, abs=1e-6)


def test_pairs_by_hand():
  chosen, rejected = jnp.array([0.4]), jnp.array([-0.2])
  loss, _ = implicit.nca(chosen, rejected)
  assert float(loss.total) == pytest.approx(1.268592, abs=1e-6)
  loss, _ = implicit.dpo(chosen, rejected)
  assert float(loss.total) == pytest.approx(np.log1p(np.exp(-0.6)), abs=1e-6)


def test_kto_is_symmetric_about_its_shift():
  reward = jnp.array([0.5, 0.1])
  loss, _ = implicit.kto(reward, jnp.array([1.0, 0.0]), jnp.array(0.3))
  # Both lead by 0.2 in their direction.
  want = 2 * (1 - 1 / (1 + np.exp(-0.2)))
  assert float(loss.total) == pytest.approx(want, abs=1e-6)


def test_prime_normalisation_by_hand():
  rewards = jnp.array([[0.05, -0.025, 0.1, 9.0]])
  mask = jnp.array([[1.0, 1.0, 1.0, 0.0]])
  found = implicit.normalised(rewards, mask)
  np.testing.assert_allclose(found, [[0.4, -0.2, 0.8, 0]], atol=1e-6)
  none = implicit.normalised(jnp.zeros((1, 4)), mask)
  assert (np.asarray(none) == 0).all()


def test_step_rewards_add_up():
  q = jnp.array([[0.05, 0.025, 0.125, 7.0]])
  is_step = jnp.array([[True, True, True, False]])
  found = implicit.step_rewards(q, is_step)
  np.testing.assert_allclose(found, [[0.05, -0.025, 0.1, 0]], atol=1e-7)
  assert float(found.sum()) == pytest.approx(0.125, abs=1e-7)


def test_absent_responses_have_no_part():
  reward, right = jnp.array([0.4, 3.0]), jnp.array([1.0, 0.0])
  one = jnp.array([1.0, 0.0])
  for fn in (implicit.cross_entropy, implicit.dpo, implicit.nca):
    whole = fn(reward[:1], right[:1])[0]
    found = fn(reward, right, one)[0]
    assert float(found.total) == pytest.approx(float(whole.total), abs=1e-6)
    assert float(found.count) == 1
