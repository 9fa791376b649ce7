"""A reward model that learns on the way, on a tiny language model."""

import jax.numpy as jnp
import numpy as np
import optax

from prm_jax.build import losses
from prm_jax.build.objectives import online
from prm_jax.models import lm
from tests.models import tiny

TOKENS = jnp.array([[3, 4, 5, 6, 0, 0], [3, 4, 7, 8, 9, 2]])
PROMPT, LENGTH = jnp.array([2, 2]), jnp.array([4, 6])
CORRECT = jnp.array([1.0, 0.0])


def log_probs(model, params):
  """[n, t] of the responses' tokens, by numpy."""
  places = jnp.broadcast_to(jnp.arange(6), TOKENS.shape)
  segments = (places < LENGTH[:, None]).astype(jnp.int32)
  logits = tiny.jit(lambda p: lm.forward(model, p, TOKENS, places, segments))(
    params
  ).logits
  law = np.asarray(logits, float)
  law = law - np.logaddexp.reduce(law, axis=-1, keepdims=True)
  found = np.take_along_axis(law[:, :-1], np.asarray(TOKENS)[:, 1:, None], -1)
  found = np.pad(found[..., 0], ((0, 0), (1, 0)))
  at = np.arange(6)
  there = (at >= np.asarray(PROMPT)[:, None]) & (
    at < np.asarray(LENGTH)[:, None]
  )
  return np.where(there, found, 0)


def test_rewards_are_log_ratios_and_the_loss_falls():
  model, params = tiny.make(num_layers=1)
  _, other = tiny.make(seed=1, num_layers=1)
  reference = losses.Reference(model, other)
  own = online.OnlineReward(
    model, reference, optax.sgd(0.05), beta=0.5, timing="before"
  )
  opt_state = own.tx.init(params)
  given = TOKENS, PROMPT, LENGTH, CORRECT
  first = own(params, opt_state, *given)
  ratio = 0.5 * (log_probs(model, params) - log_probs(model, other))
  q = ratio.sum(axis=1)
  want = np.mean(np.log1p(np.exp([-q[0], q[1]])))
  np.testing.assert_allclose(first.loss, want, rtol=1e-4)
  to_come = np.cumsum(ratio[:, ::-1], axis=1)
  np.testing.assert_allclose(
    first.rewards, ratio / abs(to_come).max(), rtol=1e-3, atol=1e-5
  )
  second = own(first.params, first.opt_state, *given)
  assert float(second.loss) < float(first.loss) - 1e-4


def test_the_reference_itself_has_no_reward():
  model, params = tiny.make(num_layers=1)
  reference = losses.Reference(model, params)
  own = online.OnlineReward(model, reference, optax.sgd(0.1), timing="before")
  found = own(params, own.tx.init(params), TOKENS, PROMPT, LENGTH, CORRECT)
  assert (np.asarray(found.rewards) == 0).all()
  np.testing.assert_allclose(found.loss, np.log(2), rtol=1e-6)
