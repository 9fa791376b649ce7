"""Packing, causality, precision and rematerialisation of the trunk."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.models import attention, lm
from tests.models import tiny


@pytest.fixture(scope="module")
def model():
  return tiny.make(value_head="scalar")


@pytest.fixture(scope="module")
def forward(model):
  return tiny.jit(lambda params, *x: lm.forward(model[0], params, *x))


def random_tokens(shape, seed=0):
  return np.random.default_rng(seed).integers(1, tiny.VOCAB, shape)


def test_scanned_layers_are_the_unrolled_ones(model, forward):
  """Training scans the layers, decoding unrolls them: one trunk."""
  tokens = random_tokens((2, 8))
  scanned = forward(model[1], *tiny.whole(tokens))
  trunk = {"params": model[1]["params"]["trunk"]}

  def unrolled(params, inputs, positions, segment_ids):
    from_trunk = lm.transformer.Transformer(model[0].config.transformer)
    context = attention.Sequences(positions, segment_ids)
    hidden, _ = from_trunk.apply(
      params, inputs, [context] * 2, method="_unrolled"
    )
    return hidden

  hidden = tiny.jit(unrolled)(trunk, *tiny.whole(tokens))
  np.testing.assert_allclose(
    lm.logits(model[0], model[1], hidden), scanned.logits, atol=1e-5
  )


def test_packed_segments_are_separate_sequences(model, forward):
  lengths = (3, 4)
  parts = [random_tokens(n, seed=n) for n in lengths]
  tokens = np.zeros((1, 8), np.int32)
  positions, segments = np.zeros_like(tokens), np.zeros_like(tokens)
  tokens[0, :7] = np.concatenate(parts)
  positions[0, :7] = [0, 1, 2, 0, 1, 2, 3]
  segments[0, :7] = [1, 1, 1, 2, 2, 2, 2]
  packed = forward(model[1], *map(jnp.asarray, (tokens, positions, segments)))
  alone = np.zeros((2, 8), np.int32)
  for row, part in enumerate(parts):
    alone[row, : len(part)] = part
  want = forward(model[1], *tiny.whole(alone))
  for field in ("logits", "values"):
    got, separate = (np.asarray(getattr(x, field)) for x in (packed, want))
    np.testing.assert_allclose(got[0, :3], separate[0, :3], atol=1e-5)
    np.testing.assert_allclose(got[0, 3:7], separate[1, :4], atol=1e-5)
    assert np.all(np.isfinite(got))  # padding included


@pytest.mark.parametrize("changed", [1, 4, 7])
def test_a_token_is_seen_from_itself_on(model, forward, changed):
  tokens = random_tokens((1, 8))
  other = tokens.copy()
  other[0, changed] = tokens[0, changed] % (tiny.VOCAB - 1) + 1
  outs = [
    np.asarray(forward(model[1], *tiny.whole(x)).logits)[0]
    for x in (tokens, other)
  ]
  np.testing.assert_array_equal(outs[0][:changed], outs[1][:changed])
  assert np.all(np.any(outs[0][changed:] != outs[1][changed:], axis=-1))


def test_positions_are_relative(model, forward):
  tokens, positions, segments = tiny.whole(random_tokens((1, 6)))
  near = forward(model[1], tokens, positions, segments).logits
  far = forward(model[1], tokens, positions + 20, segments).logits
  stretched = forward(model[1], tokens, 2 * positions, segments).logits
  np.testing.assert_allclose(near, far, atol=1e-4)
  assert np.max(np.abs(near - stretched)) > 1e-2


def test_remat_changes_memory_alone():
  tokens = tiny.whole(random_tokens((2, 6)))
  params = tiny.make(num_layers=1)[1]

  def gradient(use_remat):
    own = lm.Model(tiny.config(num_layers=1, use_remat=use_remat))
    loss = lambda p: jnp.sum(jnp.sin(lm.forward(own, p, *tokens).logits))
    traced = tiny.jit(jax.grad(loss)).trace(params)
    assert ("remat" in str(traced.jaxpr)) == use_remat
    return traced.lower().compile()(params)

  for plain, again in zip(
    jax.tree.leaves(gradient(False)),
    jax.tree.leaves(gradient(True)),
    strict=True,
  ):
    np.testing.assert_allclose(plain, again, rtol=1e-5, atol=1e-5)


def test_bfloat16_is_close_and_heads_stay_float32(model, forward):
  tokens = tiny.whole(random_tokens((2, 8)))
  exact = forward(model[1], *tokens)
  half = lm.Model(tiny.config(value_head="scalar", dtype="bfloat16"))
  rough = tiny.jit(lambda p, *x: lm.forward(half, p, *x))(model[1], *tokens)
  for field in ("logits", "values"):
    want, got = getattr(exact, field), getattr(rough, field)
    assert got.dtype == jnp.float32
    gap = float(jnp.max(jnp.abs(want - got)) / jnp.std(want))
    assert 1e-5 < gap < 0.15
