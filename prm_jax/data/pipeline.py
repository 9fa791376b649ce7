"""Batches of packed or padded examples, from an iterator that resumes.

The order of every epoch follows from the seed and the epoch's number alone,
and batch i is computed from i. So the state of the iterator is one integer,
a resumed run sees the very batches it would have seen, and a batch is the
same for any number of processes, each of which builds its own rows only.
Work is done per batch in numpy; grain gives the random-access dataset, the
prefetch thread and the iterator that orbax can checkpoint.
"""

import dataclasses
import functools
import sys
import threading
from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias

import grain
import numpy as np
from absl import logging

from prm_jax import errors
from prm_jax.data import examples as examples_lib
from prm_jax.data import packing

Batch: TypeAlias = dict[str, np.ndarray]
Order: TypeAlias = Literal["random", "problem", "fixed"]
EMPTY = -1  # a row without examples


@dataclasses.dataclass(frozen=True)
class PipelineConfig:
  """How examples become batches.

  Attributes:
    batch_size: rows of a batch, over all processes.
    length: token slots of a row.
    layout: `pack` puts several examples in a row (first fit), `bucket` one,
      cut to the smallest of `boundaries` that holds it.
    boundaries: row widths of layout `bucket`, each at most `length`; empty
      means `length` alone, which is plain padding. One program is compiled
      for each width.
    order: `random`; `problem`, solutions of a problem side by side and the
      problems in random order (layout `bucket` with one width), so that a
      batch sees several labels of one prefix; `fixed`, the same every epoch.
    num_epochs: passes over the examples. None repeats for ever and fills the
      last batch of an epoch with random rows of it; otherwise it is filled
      with empty rows, so that every example is seen exactly once per pass.
    too_long: `error`, or `drop` examples longer than a row (logged).
    seed: of all orders.
    prefetch: batches built ahead by a thread; 0 builds them on demand.
  """

  batch_size: int
  length: int
  layout: Literal["pack", "bucket"] = "pack"
  boundaries: tuple[int, ...] = ()
  order: Order = "random"
  num_epochs: int | None = None
  too_long: Literal["error", "drop"] = "error"
  seed: int = 0
  prefetch: int = 2

  def __post_init__(self):
    for name in ("batch_size", "length"):
      if getattr(self, name) < 1:
        raise errors.UserError(f"data.{name}: must be at least 1")
    if self.num_epochs is not None and self.num_epochs < 1:
      raise errors.UserError("data.num_epochs: must be at least 1 or None")
    if self.boundaries and self.layout == "pack":
      raise errors.UserError("data.boundaries: layout 'pack' has none")
    if any(not 1 <= b <= self.length for b in self.boundaries):
      raise errors.UserError(
        f"data.boundaries: {self.boundaries} not all in 1..{self.length}"
      )
    if self.order == "problem" and (
      self.layout == "pack" or len(self.boundaries) > 1
    ):
      raise errors.UserError(
        "data.order: 'problem' needs layout 'bucket' with one width"
      )

  @property
  def widths(self) -> tuple[int, ...]:
    """Row widths that can occur, ascending; the last holds any example."""
    if self.layout == "pack":
      return (self.length,)
    return tuple(sorted({*self.boundaries} or {self.length}))


class Batches(grain.MapDataset):
  """All batches of a run, by number; element i is one `Batch`."""

  def __init__(
    self,
    examples: examples_lib.Examples,
    config: PipelineConfig,
    *,
    process_index: int = 0,
    process_count: int = 1,
  ):
    super().__init__()
    if config.batch_size % process_count:
      raise errors.UserError(
        f"data.batch_size: {config.batch_size} does not divide over "
        f"{process_count} processes"
      )
    self._examples = _fitting(examples, config)
    self._config = config
    local = config.batch_size // process_count
    self._mine = slice(process_index * local, (process_index + 1) * local)
    self._layout = _layout(self._examples.lengths, config)
    self._lock = threading.Lock()
    self._epoch = functools.lru_cache(maxsize=2)(self._plan_epoch)
    counts = np.unique_counts(self._layout.width).counts
    self.batches_per_epoch = int((-(-counts // config.batch_size)).sum())

  def __len__(self) -> int:
    if self._config.num_epochs is None:
      return sys.maxsize
    return self.batches_per_epoch * self._config.num_epochs

  def __getitem__(self, index):
    if isinstance(index, slice):
      return self.slice(index)
    epoch, number = divmod(index, self.batches_per_epoch)
    with self._lock:  # prefetch threads would plan the same epoch twice
      members, rows = self._epoch(epoch)
    chosen = rows[number]
    width = int(self._layout.width[chosen.max()])
    return _assemble(
      *(self._examples, members, self._layout.row_starts),
      *(chosen[self._mine], width),
    )

  def _plan_epoch(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
    """Members of the slots, and int64 [batches, batch_size] row numbers."""
    config, layout = self._config, self._layout
    rng = np.random.default_rng((config.seed, epoch))
    if config.order == "fixed":
      rng = np.random.default_rng(config.seed)
      members, order = layout.members, np.arange(layout.num_rows)
    elif config.order == "problem":
      members = layout.members
      order = _grouped(self._examples.groups[members], rng)
    else:
      members = packing.reassign(layout, self._examples.lengths, rng)
      order = rng.permutation(layout.num_rows)
    parts = [
      self._split(order[layout.width[order] == width], rng)
      for width in np.unique(layout.width)
    ]
    rows = np.concatenate(parts)
    if config.order == "random":
      rng.shuffle(rows)
    return members, rows

  def _split(self, order: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """[rows] -> [batches, batch_size], the last batch filled up."""
    lacking = -len(order) % self._config.batch_size
    fill = np.full(lacking, EMPTY)
    if self._config.num_epochs is None:
      fill = rng.choice(order, lacking, replace=lacking > len(order))
    return np.concatenate([order, fill]).reshape(-1, self._config.batch_size)


def make_iterator(
  examples: examples_lib.Examples | Iterable[Mapping[str, np.ndarray]],
  config: PipelineConfig,
  *,
  process_index: int = 0,
  process_count: int = 1,
) -> grain.DatasetIterator:
  """Iterator over batches, with `get_state` and `set_state`.

  Args:
    examples: from `examples.from_dicts`, or what it takes.
    config: see there.
    process_index: which rows of every batch this process gets.
    process_count: processes that share a batch.

  Returns:
    Iterator of dictionaries of [batch_size / process_count, t] arrays:
    int32 `tokens` (0 = padding), int32 `positions` (from 0 in each segment),
    int32 `segment_ids` (0 = padding, 1.. in a row), `targets`, float32
    `weights`, and any other column of the examples.

  Raises:
    UserError: no example, examples longer than a row, or a batch size that
      does not divide over the processes.
  """
  if not isinstance(examples, examples_lib.Examples):
    examples = examples_lib.from_dicts(examples)
  batches = Batches(
    examples, config, process_index=process_index, process_count=process_count
  )
  options = grain.ReadOptions(
    num_threads=min(config.prefetch, 1), prefetch_buffer_size=config.prefetch
  )
  return iter(batches.to_iter_dataset(options))


def padding_share(batches: Iterable[Mapping[str, np.ndarray]]) -> float:
  """Share of the token slots of some batches that hold no token."""
  slots = used = 0
  for batch in batches:
    slots += batch["segment_ids"].size
    used += int(np.count_nonzero(batch["segment_ids"]))
  return 1 - used / max(slots, 1)


def _fitting(
  examples: examples_lib.Examples, config: PipelineConfig
) -> examples_lib.Examples:
  capacity = config.widths[-1]
  if config.too_long == "drop":
    kept = np.flatnonzero(examples.lengths <= capacity)
    if not len(kept):
      raise errors.UserError(f"data.length: no example fits in {capacity}")
    dropped = len(examples) - len(kept)
    logging.info("dropped %d examples over %d tokens", dropped, capacity)
    return examples.take(kept)
  packing.check_lengths(examples.lengths, capacity, "data.length")
  return examples


def _layout(lengths: np.ndarray, config: PipelineConfig) -> packing.Layout:
  if config.layout == "bucket":
    return packing.bucketed(lengths, config.widths)
  rng = np.random.default_rng(config.seed)
  return packing.first_fit(lengths, config.length, rng)


def _grouped(groups: np.ndarray, rng: np.random.Generator) -> np.ndarray:
  """Random order of the rows that keeps those of a group side by side."""
  names, group = np.unique(groups, return_inverse=True)
  rank = rng.permutation(len(names))
  return np.lexsort((rng.random(len(group)), rank[group]))


def _assemble(
  examples: examples_lib.Examples,
  members: np.ndarray,
  row_starts: np.ndarray,
  rows: np.ndarray,
  width: int,
) -> Batch:
  """Copies the examples of the rows [b] into zeroed [b, width] arrays."""
  counts = np.where(rows == EMPTY, 0, np.diff(row_starts)[rows])
  in_row = examples_lib.starts(counts)
  chosen = members[examples_lib.spread(row_starts[rows], in_row)]
  row = np.repeat(np.arange(len(rows)), counts)
  number = examples_lib.spread(np.ones_like(counts), in_row)
  lengths = examples.lengths[chosen]
  offsets = examples_lib.starts(lengths)
  column = offsets[:-1] - offsets[in_row[:-1]][row]
  source = examples_lib.spread(examples.offsets[chosen], offsets)
  target = examples_lib.spread(row * width + column, offsets)
  values = {name: data[source] for name, data in examples.columns.items()}
  values["positions"] = np.arange(offsets[-1], dtype=np.int32) - np.repeat(
    offsets[:-1], lengths
  ).astype(np.int32)
  values["segment_ids"] = np.repeat(number, lengths).astype(np.int32)
  batch = {}
  for name, data in values.items():
    flat = np.zeros(len(rows) * width, data.dtype)
    flat[target] = data
    batch[name] = flat.reshape(len(rows), width)
  return batch
