"""Attention over whole sequences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.models import attention


@pytest.mark.parametrize(
  ("num_keys", "dtype", "tolerance"),
  [(1, jnp.float32, 1e-5), (2, jnp.bfloat16, 2e-2), (4, jnp.float32, 1e-5)],
)
def test_beside_the_library(num_keys, dtype, tolerance):
  """Values and gradients, with heads that share keys and rows left out."""
  keys = jax.random.split(jax.random.key(0), 4)
  draw = lambda key, heads: jax.random.normal(key, (2, 7, heads, 8), dtype)
  query, key, value = (
    draw(own, heads)
    for own, heads in zip(keys, (4, num_keys, num_keys), strict=False)
  )
  mask = jax.random.bernoulli(keys[3], 0.5, (2, 7, 7)) | jnp.eye(7, dtype=bool)

  def ours(*args):
    return attention.attend(args[0], attention.KeyValue(*args[1:]), mask)

  def theirs(*args):
    return jax.nn.dot_product_attention(*args, mask=mask[:, None])

  def loss(fn, *args):
    return jnp.sum(jnp.sin(fn(*args)))

  @jax.jit
  def both(*args):
    return [
      jax.value_and_grad(loss, (1, 2, 3))(fn, *args) for fn in (ours, theirs)
    ]

  mine, other = both(query, key, value)
  assert mine[0].dtype == dtype
  for x, y in zip(jax.tree.leaves(mine), jax.tree.leaves(other), strict=True):
    x, y = (np.asarray(one, np.float32) for one in (x, y))
    scale = max(1.0, float(np.abs(y).max()))
    np.testing.assert_allclose(x, y, rtol=0, atol=tolerance * scale)
