"""Self-certainty against its definition, by hand and token by token."""

import jax.numpy as jnp
import numpy as np

from prm_jax.decode import certainty
from prm_jax.models import lm
from tests.models import tiny


def definition(logits):
  """KL(uniform || softmax(logits)), float64."""
  logits = np.asarray(logits, float)
  prob = np.exp(logits - logits.max(-1, keepdims=True))
  prob /= prob.sum(-1, keepdims=True)
  uniform = np.full(prob.shape[-1], 1 / prob.shape[-1])
  return np.sum(uniform * np.log(uniform / prob), axis=-1)


def test_by_hand():
  # p = (1/2, 1/4, 1/4): -(1/3) log(27 / 32).
  logits = jnp.log(jnp.array([0.5, 0.25, 0.25]))
  np.testing.assert_allclose(
    certainty.self_certainty(logits), -np.log(27 / 32) / 3, rtol=1e-5
  )


def test_definition_and_shifts():
  logits = 3 * np.random.default_rng(0).normal(size=(4, 5, 11))
  got = certainty.self_certainty(jnp.asarray(logits, jnp.float32))
  np.testing.assert_allclose(got, definition(logits), rtol=1e-5)
  shifted = certainty.self_certainty(jnp.asarray(logits + 50, jnp.float32))
  np.testing.assert_allclose(shifted, got, rtol=1e-4)


def test_a_uniform_law_has_none():
  got = certainty.self_certainty(jnp.full((2, 7), 3.0))
  np.testing.assert_allclose(got, 0, atol=1e-6)


def test_means_are_over_the_solutions_own_tokens():
  model, params = tiny.make(0)
  rng = np.random.default_rng(1)
  tokens = rng.integers(0, tiny.VOCAB, (4, 9)).astype(np.int32)
  start, length = np.array([1, 3, 2, 4]), np.array([9, 7, 3, 4])
  got = tiny.jit(certainty.of_texts, static_argnums=0)(
    model, params, tokens, start, length
  )
  # The laws of whole rows: what follows a token does not change its law.
  laws = definition(lm.forward(model, params, *tiny.whole(tokens)).logits)
  for row in range(4):
    # Token i is drawn from the law at i - 1; the last law draws nothing.
    own = laws[row, start[row] - 1 : length[row] - 1]
    expected = own.mean() if len(own) else 0
    np.testing.assert_allclose(got[row], expected, rtol=1e-4, atol=1e-6)
