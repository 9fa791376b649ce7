"""The reward model's own step: outcomes, timing, normalised rewards."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from prm_jax.objectives import prime

MASK = jnp.array([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0]])
CORRECT = jnp.array([1.0, 0.0])
REF = jnp.full((2, 3), -1.0)


def run(params, timing="after", rate=0.5, beta=0.5):
  tx = optax.sgd(rate)
  return prime.update(
    *(params, tx.init(params), lambda p: REF + p, REF, MASK, CORRECT, tx),
    beta=beta,
    timing=timing,
  )


def test_a_model_that_is_the_reference_gives_no_reward():
  """So adding it to a policy's gradient leaves that as it was."""
  found = run(jnp.zeros((2, 3)), timing="before")
  assert (np.asarray(found.rewards) == 0).all()
  assert float(found.loss) == pytest.approx(np.log(2))


def test_rewards_follow_the_update_or_not():
  start = jnp.array([[0.1, -0.05, 7.0], [0.2, 0.0, 0.0]])
  before, after = run(start, "before"), run(start, "after")
  np.testing.assert_array_equal(before.params, after.params)
  want = 0.5 * np.where(MASK, start, 0)
  to_come = np.cumsum(want[:, ::-1], axis=1)
  np.testing.assert_allclose(
    before.rewards, want / abs(to_come).max(), rtol=1e-5
  )
  moved = 0.5 * np.where(MASK, after.params, 0)
  to_come = np.cumsum(moved[:, ::-1], axis=1)
  np.testing.assert_allclose(
    after.rewards, moved / abs(to_come).max(), rtol=1e-5
  )


def test_the_step_is_the_outcomes_gradient():
  found = run(jnp.zeros((2, 3)))
  # -log s(q): slope of each response token -beta (z - 1/2) / 2 responses.
  want = 0.5 * 0.5 * np.array([[0.25, 0.25, 0], [-0.25, -0.25, -0.25]])
  np.testing.assert_allclose(found.params, want, rtol=1e-5)


def test_returns_stay_within_one_however_long_it_trains():
  params = jnp.zeros((2, 3))
  step = jax.jit(lambda p: run(p, rate=5.0))
  for _ in range(50):
    found = step(params)
    params = found.params
  assert float(jnp.abs(params).max()) > 2
  to_come = jnp.cumsum(found.rewards[:, ::-1], axis=1)
  assert float(jnp.abs(to_come).max()) == pytest.approx(1)
