"""Credit and baselines by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.objectives import advantages

R = jnp.array([[0.8, -0.2, 0.5, 0.0]])
STEPS = jnp.array([[True, True, True, False]])


def test_min_form_by_hand():
  found = advantages.min_form(R, STEPS, 0.1)
  weights = np.array([4.54e-5, 0.999044, 9.11e-4, 0.0])
  np.testing.assert_allclose(found, weights * R, atol=1e-6)
  assert float(found.sum()) == pytest.approx(-0.199317, abs=1e-6)
  np.testing.assert_allclose(
    advantages.returns(found)[0],
    [-0.199317, -0.199353, 4.56e-4, 0.0],
    atol=2e-6,
  )
  one = advantages.min_form(R, STEPS, 1.0)
  assert float(one.sum()) == pytest.approx(0.183750, abs=1e-6)


def test_min_form_in_the_limits():
  cold = advantages.returns(advantages.min_form(R, STEPS, 1e-4))
  np.testing.assert_allclose(cold[0], [-0.2, -0.2, 0.0, 0.0], atol=1e-6)
  hot = advantages.min_form(R, STEPS, 1e6)
  assert float(hot.sum()) == pytest.approx(1.1 / 3, abs=1e-5)


def test_min_form_follows_the_steps():
  order = jnp.array([2, 0, 1, 3])
  np.testing.assert_allclose(
    advantages.min_form(R[:, order], STEPS[:, order]),
    advantages.min_form(R, STEPS)[:, order],
    rtol=1e-6,
  )
  grad = jax.grad(lambda r: advantages.min_form(r, STEPS).sum())(R)
  # The weights are constants.
  np.testing.assert_allclose(grad * R, advantages.min_form(R, STEPS), rtol=1e-5)


def test_leave_one_out_by_hand():
  found = advantages.leave_one_out(jnp.array([1.0, 0.0, 0.0, 1.0]))
  np.testing.assert_allclose(found, np.array([2, -2, -2, 2]) / 3, rtol=1e-6)


# The same two responses of 6 tokens and reward 1; the first in one step, the
# second in three.
REWARDS = jnp.array([[1.0, 0.0, 0.0], [0.2, 0.3, 0.5]])
TOKENS = jnp.array([[6, 0, 0], [2, 2, 2]])


def test_mistake_17_the_baseline_does_not_favour_few_long_steps():
  fair = REWARDS - advantages.step_baseline(REWARDS, TOKENS)
  np.testing.assert_allclose(fair.sum(axis=1), 0, atol=1e-6)
  assert np.all(np.asarray(fair)[0, 1:] == 0)
  biased = REWARDS - advantages.step_baseline(REWARDS, TOKENS, "step")
  # 1 - 1/3 against 1 - 3 * 1, for the same text.
  np.testing.assert_allclose(biased.sum(axis=1), [2 / 3, -2], atol=1e-6)


@pytest.mark.parametrize(
  ("call", "message"),
  [
    (lambda: advantages.leave_one_out(jnp.ones(1)), "one response"),
    (lambda: advantages.step_baseline(REWARDS[:1], TOKENS[:1]), "one response"),
    (lambda: advantages.min_form(R, STEPS, 0.0), "temperature"),
  ],
)
def test_what_cannot_be_is_told(call, message):
  with pytest.raises(ValueError, match=message):
    call()
