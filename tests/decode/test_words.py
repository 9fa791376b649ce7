"""Words across tokens, inside of tokens and over the edges of a part."""

import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.decode import words
from prm_jax.text import delimiters

TOKENS = (b"", b"wa", b"it", b" I await", b"hold", b" on", b"t")
TABLES = delimiters.byte_strings((b"wait", b"hold on"), TOKENS)


@pytest.mark.parametrize(
  ("tokens", "start", "length", "found"),
  [
    ([1, 2, 6, 6], 0, 4, 1),  # wa it
    ([1, 6, 2, 6], 0, 4, 0),  # wa t it
    ([6, 3, 6, 6], 0, 4, 1),  # inside of one token
    ([3, 1, 2, 3], 0, 4, 3),
    ([4, 0, 5, 6], 0, 4, 1),  # a token that writes nothing
    ([4, 4, 5, 6], 2, 4, 0),  # began before
    ([6, 4, 5, 6], 1, 3, 1),
    ([6, 4, 5, 6], 1, 2, 0),  # ends behind
    ([1, 2, 1, 2], 2, 2, 0),  # an empty part
  ],
)
def test_words_in_token_ids(tokens, start, length, found):
  rows = jnp.array([[tokens, [6] * 4]])
  got = words.count(
    TABLES, rows, jnp.array([[start, 0]]), jnp.array([[length, 4]])
  )
  np.testing.assert_array_equal(got, [[found, 0]])
