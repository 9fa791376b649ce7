"""Rows that forget their last tokens go on as if they had never seen them."""

import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.models import cache, paged
from tests.models import test_paged, tiny


@pytest.mark.parametrize("layout", [cache.CONTIGUOUS, paged.Paged(2)])
def test_rows_forget_what_they_wrote_since_the_fork(layout):
  session = test_paged.Session(5, layout)
  rewind = tiny.jit(lambda rows, length: rows.rewind(length))
  forgotten = 0
  for _ in range(4):
    session.fork()
    kept = np.asarray(session.rows.length)
    session.write()
    longer = np.asarray(session.rows.length)
    length = session.rng.integers(kept, longer + 2)  # may lie ahead
    session.rows = rewind(session.rows, jnp.asarray(length, jnp.int32))
    np.testing.assert_array_equal(
      session.rows.length, np.minimum(length, longer)
    )
    forgotten += np.maximum(longer - length, 0).sum()
    for b, n in np.ndindex(*length.shape):
      text = session.texts[b][n]
      session.texts[b][n] = text[: session.start[b] + length[b, n]]
    if isinstance(layout, paged.Paged):
      test_paged.check(session.rows)
    session.assert_written(*session.write())
  assert forgotten > 10
