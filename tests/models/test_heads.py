"""Value heads and what their outputs mean."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.models import heads, lm
from tests.models import tiny

HIDDEN = jnp.asarray(np.random.default_rng(0).normal(size=(2, 3, 16)))


def read(**changes):
  """Outputs at HIDDEN, parameters of the head, config."""
  model, params = tiny.make(**changes)
  out = lm.values(model, params, HIDDEN)
  return np.asarray(out), params["params"]["value_head"], model.config


def test_scalar_head_is_linear():
  out, own, _ = read(value_head="scalar")
  dense = own["Dense_0"]
  want = HIDDEN @ dense["kernel"] + dense["bias"]
  np.testing.assert_allclose(out, want[..., 0], rtol=1e-5)


def test_token_head_is_gain_direction_bias():
  out, own, _ = read(value_head="token")
  want = own["gain"] * (HIDDEN @ own["direction"]) + own["bias"]
  np.testing.assert_allclose(out, want, rtol=1e-5)


def test_step_head_has_a_logit_per_class():
  out, _, config = read(value_head="step", num_classes=3)
  assert out.shape == (2, 3, 3)
  share = np.exp(out) / np.exp(out).sum(-1, keepdims=True)
  got = heads.to_probability(jnp.asarray(out), config)
  np.testing.assert_allclose(got, share[..., 1] + share[..., 2], rtol=1e-5)


@pytest.mark.parametrize("head", ["scalar", "token"])
def test_links(head):
  values = jnp.array([-2.0, 0.25, 3.0])
  logistic = tiny.config(value_head=head)
  np.testing.assert_allclose(
    heads.to_probability(values, logistic), 1 / (1 + np.exp(-values)), rtol=1e-6
  )
  identity = tiny.config(value_head=head, value_link="identity")
  np.testing.assert_array_equal(
    heads.to_probability(values, identity), [0, 0.25, 1]
  )


@pytest.mark.parametrize("head", ["scalar", "step"])
def test_fresh_linear_head_is_undecided(head):
  config = tiny.config(value_head=head)
  own = heads.make(config)
  values = own.apply(own.init(jax.random.key(0), HIDDEN), HIDDEN)
  chance = heads.to_probability(values, config)
  np.testing.assert_array_equal(chance, 0.5)


def test_models_have_the_outputs_of_their_heads():
  tokens = tiny.whole(np.ones((1, 2), np.int32))
  for changes, has in (
    ({}, (True, False)),
    ({"value_head": "token"}, (True, True)),
    ({"value_head": "token", "use_lm_head": False}, (False, True)),
  ):
    model, params = tiny.make(**changes)
    out = jax.eval_shape(lambda p, m=model: lm.forward(m, p, *tokens), params)
    assert (out.logits is not None, out.values is not None) == has
