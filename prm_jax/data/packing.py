"""Which examples share a row, planned from their lengths alone.

A layout is a fixed set of slots: rows, and in each row places of given
lengths. Examples of one length are interchangeable, so an epoch is a random
assignment of examples to the places of their length, and the number of
batches of an epoch is known beforehand. That keeps the stream of batches
randomly accessible, hence resumable from one integer.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from prm_jax import errors
from prm_jax.data import examples


@dataclasses.dataclass(frozen=True)
class Layout:
  """Rows to fill.

  Attributes:
    members: int64 [n] examples in row order; each is there once.
    row_starts: int64 [rows + 1] where a row begins in `members`.
    width: int64 [rows] token slots of each row.
  """

  members: np.ndarray
  row_starts: np.ndarray
  width: np.ndarray

  @property
  def num_rows(self) -> int:
    return len(self.width)


def first_fit(
  lengths: np.ndarray, capacity: int, rng: np.random.Generator
) -> Layout:
  """Puts examples, in random order, each into the first row with room.

  The order is random, not by decreasing length, so that a row mixes lengths;
  with sequences much shorter than the row both waste next to nothing.

  Args:
    lengths: int [n], each at most `capacity`.
    capacity: token slots of a row.
    rng: draws the order.
  """
  order = rng.permutation(len(lengths))
  rows = np.zeros(len(lengths), np.int64)
  room = _FirstRoom(len(lengths), capacity)
  for index in order.tolist():
    rows[index] = room.put(int(lengths[index]))
  return _layout(order, rows[order], np.full(room.used, capacity))


def bucketed(lengths: np.ndarray, boundaries: Sequence[int]) -> Layout:
  """One example per row, as wide as the smallest boundary that holds it.

  One boundary is plain padding.
  """
  edges = np.sort(np.asarray(boundaries, np.int64))
  order = np.argsort(lengths, kind="stable")
  width = edges[np.searchsorted(edges, lengths[order])]
  return _layout(order, np.arange(len(lengths)), width)


def check_lengths(lengths: np.ndarray, capacity: int, where: str) -> None:
  """Raises UserError naming the first example that does not fit."""
  too_long = np.flatnonzero(lengths > capacity)
  if len(too_long):
    raise errors.UserError(
      f"{where}: {len(too_long)} of {len(lengths)} examples are longer than "
      f"{capacity} tokens (examples[{too_long[0]}] has "
      f"{lengths[too_long[0]]})"
    )


def reassign(
  layout: Layout, lengths: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
  """int64 [n] members of the same slots, drawn anew among equal lengths."""
  slot_lengths = lengths[layout.members]
  slots = np.lexsort((rng.random(len(slot_lengths)), slot_lengths))
  members = np.empty_like(layout.members)
  members[slots] = np.argsort(lengths, kind="stable")
  return members


def _layout(order: np.ndarray, rows: np.ndarray, width: np.ndarray) -> Layout:
  by_row = np.argsort(rows, kind="stable")
  counts = np.bincount(rows, minlength=len(width))
  return Layout(order[by_row], examples.starts(counts), width)


class _FirstRoom:
  """Finds the first row with enough room in O(log rows), by a maximum tree."""

  def __init__(self, num_rows: int, capacity: int):
    self.used = 0
    self._size = 1 << max(num_rows - 1, 1).bit_length()
    self._free = [capacity] * (2 * self._size)

  def put(self, length: int) -> int:
    """Takes `length` slots; returns the row."""
    free, node = self._free, 1
    while node < self._size:
      node *= 2
      if free[node] < length:
        node += 1
    row = node - self._size
    free[node] -= length
    while node > 1:
      node //= 2
      free[node] = max(free[2 * node], free[2 * node + 1])
    self.used = max(self.used, row + 1)
    return row
