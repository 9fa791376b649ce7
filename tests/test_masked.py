import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

from prm_jax import masked

REDUCTIONS = {
  "mean": (masked.mean, np.mean, 0.0),
  "min": (masked.min, np.min, np.inf),
  "max": (masked.max, np.max, -np.inf),
  "logsumexp": (masked.logsumexp, scipy.special.logsumexp, -np.inf),
}


def example(seed=0, shape=(5, 7)):
  rng = np.random.default_rng(seed)
  mask = rng.random(shape) < 0.6
  mask[0], mask[1] = False, True
  return rng.normal(size=shape).astype(np.float32), mask


@pytest.mark.parametrize("name", REDUCTIONS)
def test_reduces_the_kept_entries_whatever_the_others_hold(name):
  reduce_fn, expected_fn, empty = REDUCTIONS[name]
  values, mask = example()
  expected = [
    expected_fn(row[keep]) if keep.any() else empty
    for row, keep in zip(values, mask, strict=True)
  ]
  for junk in (0.0, np.nan, np.inf, -np.inf):
    got = reduce_fn(jnp.where(mask, values, junk), jnp.asarray(mask))
    np.testing.assert_allclose(got, expected, rtol=1e-6)


@pytest.mark.parametrize("name", REDUCTIONS)
def test_reduces_along_the_axis_asked_for(name):
  reduce_fn = REDUCTIONS[name][0]
  values, mask = (jnp.asarray(x) for x in example(1))
  np.testing.assert_array_equal(
    reduce_fn(values.T, mask.T, axis=0), reduce_fn(values, mask)
  )


@pytest.mark.parametrize("name", [*REDUCTIONS, "softmax", "cumulative_min"])
def test_masked_junk_never_reaches_a_gradient(name):
  values, mask = example(2)
  mask[0] = False
  junk = jnp.where(mask, values, np.nan)

  def total(x):
    y = getattr(masked, name)(x, jnp.asarray(mask))
    return jnp.sum(jnp.where(jnp.isfinite(y), y, 0) ** 2)

  gradient = jax.grad(total)(junk)
  assert np.isfinite(gradient).all()
  np.testing.assert_array_equal(np.asarray(gradient)[~mask], 0)


def test_softmax():
  values, mask = example(3)
  got = masked.softmax(jnp.where(mask, values, jnp.nan), jnp.asarray(mask))
  for row, keep, weights in zip(values, mask, got, strict=True):
    expected = np.zeros_like(row)
    if keep.any():
      expected[keep] = scipy.special.softmax(row[keep])
    np.testing.assert_allclose(weights, expected, rtol=1e-5)


def test_softmax_of_large_values_and_of_minus_infinity():
  values = jnp.array([[1e30, 1e30, 0.0], [-jnp.inf, 2.0, -jnp.inf]])
  got = masked.softmax(values, jnp.ones((2, 3), bool))
  np.testing.assert_array_equal(got, [[0.5, 0.5, 0], [0, 1, 0]])


def test_cumulative_min_carries_over_masked_entries():
  values = jnp.array([[9.0, 3.0, 1.0, 5.0, 2.0]])
  mask = jnp.array([[False, True, False, True, True]])
  np.testing.assert_array_equal(
    masked.cumulative_min(values, mask), [[np.inf, 3, 3, 3, 2]]
  )
  np.testing.assert_array_equal(
    masked.cumulative_min(values.T, mask.T, axis=0).T, [[np.inf, 3, 3, 3, 2]]
  )


@pytest.mark.parametrize(
  ("values", "expected"),
  [
    ([-np.inf, -np.inf], -np.inf),
    ([-np.inf, 1.5], 1.5),
    ([np.inf, 1.0], np.inf),
    ([1000.0, 1000.0], 1000 + np.log(2)),
    ([-1000.0, -1000.0], -1000 + np.log(2)),
    ([np.nan, 1.0], np.nan),
  ],
)
def test_logsumexp_without_mask(values, expected):
  got = masked.logsumexp(jnp.array(values, jnp.float32))
  np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_logsumexp_of_nothing_has_gradient_zero():
  gradient = jax.grad(masked.logsumexp)(jnp.full(3, -jnp.inf))
  np.testing.assert_array_equal(gradient, np.zeros(3))


def test_logsumexp_gradient_is_softmax():
  values = jnp.array([0.3, -jnp.inf, 2.0])
  np.testing.assert_allclose(
    jax.grad(masked.logsumexp)(values), jax.nn.softmax(values), rtol=1e-6
  )
