"""Attention over whole sequences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.models import attention


@pytest.mark.parametrize("num_keys", [1, 2, 4])
@pytest.mark.parametrize(
  ("dtype", "tolerance"), [(jnp.float32, 1e-5), (jnp.bfloat16, 2e-2)]
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

  both = [
    jax.value_and_grad(lambda *a, fn=fn: jnp.sum(jnp.sin(fn(*a))), (0, 1, 2))
    for fn in (ours, theirs)
  ]
  mine, other = (fn(query, key, value) for fn in both)
  assert ours(query, key, value).dtype == dtype
  for x, y in zip(jax.tree.leaves(mine), jax.tree.leaves(other), strict=True):
    x, y = (np.asarray(one, np.float32) for one in (x, y))
    scale = max(1.0, float(np.abs(y).max()))
    np.testing.assert_allclose(x, y, rtol=0, atol=tolerance * scale)
