"""Examples of different lengths in contiguous columns."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from prm_jax import errors

REQUIRED = ("tokens", "targets", "weights")


@dataclasses.dataclass(frozen=True)
class Examples:
  """Ragged sequences, end to end: example i is `offsets[i]:offsets[i + 1]`.

  A Python object per example would cost more time than the arithmetic on
  it; this way a batch of any size is a handful of numpy calls.

  Attributes:
    columns: name -> [total] values per token; `tokens`, `targets`,
      `weights`, and any other column of the examples.
    offsets: int64 [n + 1] starts, and the end.
    groups: int64 [n] index of the problem an example belongs to.
  """

  columns: Mapping[str, np.ndarray]
  offsets: np.ndarray
  groups: np.ndarray

  def __len__(self) -> int:
    return len(self.offsets) - 1

  @property
  def lengths(self) -> np.ndarray:
    """int64 [n] tokens per example."""
    return np.diff(self.offsets)

  def __getitem__(self, index: int) -> dict[str, np.ndarray]:
    span = slice(self.offsets[index], self.offsets[index + 1])
    return {name: column[span] for name, column in self.columns.items()}

  def take(self, indices: np.ndarray) -> "Examples":
    """The given examples, in the given order."""
    lengths = self.lengths[indices]
    offsets = starts(lengths)
    source = spread(self.offsets[indices], offsets)
    columns = {name: column[source] for name, column in self.columns.items()}
    return Examples(columns, offsets, self.groups[indices])


def from_dicts(
  examples: Iterable[Mapping[str, np.ndarray]],
  *,
  groups: Sequence[int] | np.ndarray | None = None,
) -> Examples:
  """Puts examples with the same keys end to end.

  Args:
    examples: dictionaries of [t] arrays, as `transforms` makes them.
    groups: [n] problem of each example; every example its own if None.

  Raises:
    UserError: no example, or one whose arrays differ in length or keys.
  """
  rows = list(examples)
  if not rows:
    raise errors.UserError("examples: there are none")
  names = tuple(rows[0])
  missing = [name for name in REQUIRED if name not in names]
  if missing:
    raise errors.UserError(f"examples: field {missing[0]!r} is missing")
  for index, row in enumerate(rows):
    _check(index, row, names)
  columns = {n: np.concatenate([row[n] for row in rows]) for n in names}
  offsets = starts(np.array([len(row["tokens"]) for row in rows], np.int64))
  own = np.arange(len(rows)) if groups is None else np.asarray(groups)
  if own.shape != (len(rows),):
    raise errors.UserError(
      f"groups: {own.size} entries for {len(rows)} examples"
    )
  return Examples(columns, offsets, own.astype(np.int64))


def starts(lengths: np.ndarray) -> np.ndarray:
  """int64 [n + 1] cumulative sums of lengths, from 0."""
  return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])


def spread(first: np.ndarray, offsets: np.ndarray) -> np.ndarray:
  """Runs `first[i], first[i] + 1, ...`, joined; run i fills offsets[i:i+2].

  Args:
    first: int [n] start of each run.
    offsets: int64 [n + 1] where the runs lie in the result.

  Returns:
    int64 [offsets[-1]].
  """
  shift = np.repeat(first - offsets[:-1], np.diff(offsets))
  return shift + np.arange(offsets[-1])


def _check(
  index: int, row: Mapping[str, np.ndarray], names: tuple[str, ...]
) -> None:
  if row.keys() != set(names):
    raise errors.UserError(
      f"examples[{index}]: fields {sorted(row)}, the first has {sorted(names)}"
    )
  length = len(row["tokens"])
  if not length:
    raise errors.UserError(f"examples[{index}].tokens: is empty")
  for name in names:
    if np.shape(row[name]) != (length,):
      raise errors.UserError(
        f"examples[{index}].{name}: shape {np.shape(row[name])} for {length} "
        "tokens"
      )
