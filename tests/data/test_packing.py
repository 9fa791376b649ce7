"""Layouts: every example once, no row over its width, first fit."""

import numpy as np
import pytest

from prm_jax import errors
from prm_jax.data import examples, packing


def row_of(layout):
  rows = np.repeat(np.arange(layout.num_rows), np.diff(layout.row_starts))
  found = np.empty_like(rows)
  found[layout.members] = rows
  return found


@pytest.mark.parametrize("seed", range(4))
def test_first_fit_equals_the_obvious_loop(seed):
  lengths = np.random.default_rng(seed).integers(1, 11, 200)
  layout = packing.first_fit(lengths, 16, np.random.default_rng(seed))
  room, wanted = [], np.empty(200, int)
  for index in np.random.default_rng(seed).permutation(200):
    row = next(
      (r for r, free in enumerate(room) if free >= lengths[index]), len(room)
    )
    if row == len(room):
      room.append(16)
    room[row] -= lengths[index]
    wanted[index] = row
  np.testing.assert_array_equal(row_of(layout), wanted)
  assert layout.num_rows == len(room)
  assert (layout.width == 16).all()


def test_one_example_that_fills_a_row():
  layout = packing.first_fit(np.array([8]), 8, np.random.default_rng(0))
  assert layout.members.tolist() == [0]
  assert layout.num_rows == 1


def test_buckets_are_the_smallest_that_hold():
  layout = packing.bucketed(np.array([3, 9, 4, 5, 12]), (12, 4, 8))
  width = dict(zip(layout.members.tolist(), layout.width.tolist(), strict=True))
  assert width == {0: 4, 1: 12, 2: 4, 3: 8, 4: 12}
  assert np.diff(layout.row_starts).tolist() == [1] * 5


def test_reassign_keeps_slot_lengths_and_moves_equal_examples():
  rng = np.random.default_rng(0)
  lengths = rng.integers(1, 5, 100)
  layout = packing.first_fit(lengths, 9, rng)
  drawn = [packing.reassign(layout, lengths, rng) for _ in range(2)]
  for members in drawn:
    assert sorted(members.tolist()) == list(range(100))
    np.testing.assert_array_equal(lengths[members], lengths[layout.members])
  assert (drawn[0] != drawn[1]).mean() > 0.8


def test_reassign_is_uniform():
  lengths = np.array([2, 2, 2, 5])
  layout = packing.bucketed(lengths, (5,))
  rng = np.random.default_rng(1)
  seen = np.zeros((3, 3))
  for _ in range(3000):
    members = packing.reassign(layout, lengths, rng)
    seen[np.arange(3), members[:3]] += 1
  assert np.abs(seen - 1000).max() < 5 * np.sqrt(3000 * (1 / 3) * (2 / 3))


def test_first_example_that_is_too_long_is_named():
  packing.check_lengths(np.array([3, 8]), 8, "data.length")
  with pytest.raises(errors.UserError, match=r"2 of 3 .*examples\[1\] has 9"):
    packing.check_lengths(np.array([3, 9, 10]), 8, "data.length")


def test_spread_and_starts():
  offsets = examples.starts(np.array([2, 0, 3]))
  assert offsets.tolist() == [0, 2, 2, 5]
  runs = examples.spread(np.array([10, 50, 7]), offsets)
  assert runs.tolist() == [10, 11, 7, 8, 9]


def row(length, **changes):
  values = np.arange(length)
  return {"tokens": values, "targets": values, "weights": values, **changes}


def test_examples_give_back_what_was_put_in():
  found = examples.from_dicts([row(3), row(1), row(2)], groups=[5, 6, 5])
  assert found.lengths.tolist() == [3, 1, 2]
  assert found[2]["targets"].tolist() == [0, 1]
  taken = found.take(np.array([2, 0]))
  assert taken[0]["tokens"].tolist() == [0, 1]
  assert taken[1]["tokens"].tolist() == [0, 1, 2]
  assert taken.groups.tolist() == [5, 5]


@pytest.mark.parametrize(
  ("rows", "message"),
  [
    ([], "there are none"),
    ([{"tokens": np.ones(1)}], "field 'targets' is missing"),
    ([row(2), row(0)], r"examples\[1\].tokens: is empty"),
    (
      [row(2), row(2, weights=np.ones(3))],
      r"examples\[1\].weights: shape \(3,\) for 2 tokens",
    ),
    ([row(2), row(2, extra=np.ones(2))], r"examples\[1\]: fields"),
  ],
)
def test_examples_that_do_not_fit_together(rows, message):
  with pytest.raises(errors.UserError, match=message):
    examples.from_dicts(rows)


def test_groups_of_another_length():
  with pytest.raises(errors.UserError, match="groups: 2 entries for 1"):
    examples.from_dicts([row(2)], groups=[1, 2])
