"""Tokens in steps, without their text."""

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from prm_jax import errors
from prm_jax.text import token_segments

LENGTHS = st.integers(0, 200)


@hypothesis.given(length=LENGTHS, size=st.integers(1, 40))
def test_segments_of_one_size(length, size):
  ends = token_segments.every(length, size)
  lengths = np.diff(ends, prepend=0)
  assert lengths.sum() == length
  assert (lengths[:-1] == size).all()
  assert len(ends) == -(-length // size)


@hypothesis.given(length=LENGTHS, parts=st.integers(1, 40))
def test_segments_of_even_sizes(length, parts):
  ends = token_segments.evenly(length, parts)
  lengths = np.diff(ends, prepend=0)
  assert len(ends) == min(length, parts)
  assert lengths.sum() == length
  assert not length or lengths.max() - lengths.min() <= 1


def test_omega_prm_cuts_in_sixteen():
  assert len(token_segments.evenly(100)) == 16
  assert token_segments.evenly(33).tolist() == [*range(2, 32, 2), 33]
  assert token_segments.evenly(3).tolist() == [1, 2, 3]


@hypothesis.given(st.lists(st.integers(0, 3)))
def test_segments_behind_closing_tokens(tokens):
  ends = token_segments.after(tokens, {0, 1})
  parts = token_segments.cut(tokens, ends)
  open_tokens = [t for t in tokens if t > 1]
  if open_tokens:
    assert [t for part in parts for t in part.tolist()] == tokens
    assert all((part > 1).any() for part in parts)
    # Nothing goes on behind a closing token that closes something.
    for part in parts[:-1]:
      assert part[-1] <= 1
  else:
    assert parts == []


@pytest.mark.parametrize(
  ("tokens", "ends"),
  [
    ([5, 0, 6, 0], [2, 4]),
    ([5, 0, 6], [2, 3]),
    ([5, 0, 0, 6, 0], [2, 5]),
    ([0, 5, 0, 0], [4]),
    ([], []),
    ([0, 0], []),
  ],
)
def test_where_segments_end(tokens, ends):
  assert token_segments.after(tokens, {0}).tolist() == ends


def test_a_segment_is_read_at_its_last_token():
  found = token_segments.encoded([7, 7], [1, 2, 3, 4], np.array([3, 4]))
  assert found.tokens.tolist() == [7, 7, 1, 2, 3, 4]
  assert found.prompt_length == 2
  assert found.step_end.tolist() == [4, 5]
  assert found.tokens.dtype == found.step_end.dtype == np.int32


@pytest.mark.parametrize("ends", [[3], [2, 2, 4], [0, 4]])
def test_ends_that_do_not_cover_the_tokens(ends):
  with pytest.raises(errors.UserError, match="do not rise to 4 tokens"):
    token_segments.encoded([7], [1, 2, 3, 4], np.array(ends))


def test_sizes_that_are_none():
  with pytest.raises(errors.UserError, match=r"segments.size: must be at"):
    token_segments.every(4, 0)
  with pytest.raises(errors.UserError, match=r"segments.parts: must be at"):
    token_segments.evenly(4, 0)
