"""Hazards of the first error: by hand, and what each loss converges to."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.objectives import survival

H = np.array([0.1, 0.2, 0.5])
LOGITS = jnp.asarray(np.log(H / (1 - H)), jnp.float32)[None]
STEPS = jnp.ones((1, 3), bool)


def loss(correct, first_error, variant="proper", logits=LOGITS, steps=STEPS):
  found, _ = survival.loss(
    logits,
    steps,
    jnp.array([correct]),
    jnp.array([first_error]),
    variant=variant,
  )
  return float(found.total)


def test_survival_by_hand():
  found = np.exp(survival.log_survival(LOGITS, STEPS))
  np.testing.assert_allclose(found, [[0.9, 0.72, 0.36]], atol=1e-6)


def test_losses_by_hand():
  assert loss(True, -1) == pytest.approx(1.021651, abs=1e-6)
  assert loss(False, 2) == pytest.approx(1.021651, abs=1e-6)  # p(3) = .36
  assert loss(False, 2, "reported") == pytest.approx(1.467938, abs=1e-6)
  assert loss(False, 1) == pytest.approx(-np.log(0.18), abs=1e-6)
  assert loss(False, -1) == pytest.approx(-np.log(0.64), abs=1e-6)
  assert loss(False, -1, "reported") == pytest.approx(-np.log(0.64), abs=1e-6)


def test_padding_is_no_step():
  more = jnp.concatenate([LOGITS, jnp.full((1, 2), 3.0)], axis=1)
  steps = jnp.array([[True] * 3 + [False] * 2])
  for case in ((True, -1), (False, 1), (False, -1)):
    assert loss(*case, logits=more, steps=steps) == pytest.approx(
      loss(*case), abs=1e-6
    )


def test_rows_without_steps_have_no_loss():
  """Two hazards of 1/2 survived, beside two empty rows: 2 log 2, once."""
  logits = jnp.zeros((3, 2))
  steps = jnp.array([[True, True], [False, False], [False, False]])
  correct = jnp.array([True, True, False])
  found, told = survival.loss(logits, steps, correct, jnp.full(3, -1))
  assert float(found.compute()) == pytest.approx(2 * np.log(2), rel=1e-6)
  assert float(told["survival"].compute()) == pytest.approx(0.25)


def minimised(variant, share):
  """Hazards that minimise the expected loss; `share` of errors are located."""
  located = [H[0], 0.9 * H[1], 0.72 * H[2]]
  right = 0.36
  steps = jnp.ones((5, 3), bool)
  correct = jnp.array([True, False, False, False, False])
  first = jnp.array([-1, 0, 1, 2, -1])
  weight = np.array(
    [right, *(share * p for p in located), (1 - share) * (1 - right)]
  )

  def expected(logits):
    each = jax.vmap(
      lambda s, c, z: (
        survival.loss(logits[None], s[None], c[None], z[None], variant=variant)[
          0
        ].total
      )
    )(steps, correct, first)
    return jnp.sum(jnp.asarray(weight, jnp.float32) * each)

  step = jax.jit(lambda x: x - 1.5 * jax.grad(expected)(x))
  logits = jnp.zeros(3)
  for _ in range(600):
    logits = step(logits)
  return np.asarray(jax.nn.sigmoid(logits))


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_the_proper_loss_finds_the_hazards(share):
  np.testing.assert_allclose(minimised("proper", share), H, atol=2e-3)


def test_the_reported_loss_counts_errors_twice():
  found = minimised("reported", 1.0)
  np.testing.assert_allclose(found, [0.122, 0.251, 0.668], atol=2e-3)
  assert np.prod(1 - found) == pytest.approx(0.2195, abs=2e-3)
  half = np.prod(1 - minimised("reported", 0.5))
  assert half == pytest.approx(0.2727, abs=2e-3)
