"""Turns the metrics of single steps into rows, one window at a time."""

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from prm_jax import metrics
from prm_jax.train import progress, step, topology, writers


class _Step(NamedTuple):
  number: int  # updates done after it
  found: dict[str, metrics.Mean]  # still on the device
  num_tokens: int


class Reporter:
  """Collects what steps return and writes their means.

  Nothing is fetched from the device before `flush`, so steps are queued
  without waiting for each other.

  Args:
    writer: None: nothing is written.
    bar: shows every row.
    flops_per_token: of a training step; 0: unknown, no MFU.
    start: the step that the run starts from.
  """

  def __init__(
    self,
    writer: writers.MetricWriter | None,
    bar: progress.Progress,
    *,
    flops_per_token: float = 0.0,
    start: int = 0,
  ):
    self._writer = writer
    self._bar = bar
    self._window: list[_Step] = []
    self._done = start
    here = topology.here()
    peak = topology.peak_flops(here.device_kind)
    self._mfu_per_rate = (
      flops_per_token / (peak * here.device_count) if peak else 0.0
    )
    self._processes = here.process_count
    kept = writer.kept if writer is not None else []
    before = max((row.get("time/wall_s", 0.0) for row in kept), default=0.0)
    self._started = time.monotonic() - before
    self._window_start = time.monotonic()

  @property
  def done(self) -> int:
    """The last step that has been written."""
    return self._done

  def add(
    self, number: int, found: dict[str, metrics.Mean], num_tokens: int
  ) -> None:
    """Queues the metrics of update `number`, counted from 1."""
    self._window.append(_Step(number, found, num_tokens))

  def flush(self, until: int) -> int | None:
    """Writes one row for the steps queued up to and including `until`.

    Returns:
      The first of them that was not finite, or None. Steps from it on are
      left out of the row.
    """
    part = [s for s in self._window if s.number <= until]
    self._window = self._window[len(part) :]
    values = jax.device_get([s.found for s in part])
    bad = [
      s.number
      for s, v in zip(part, values, strict=True)
      if v[step.FINITE].total < v[step.FINITE].count
    ]
    good = len(part) if not bad else bad[0] - part[0].number
    if good:
      self._write_row(part[:good], values[:good])
    return bad[0] if bad else None

  def _write_row(self, part: list[_Step], values: list[Any]) -> None:
    now = time.monotonic()
    rate = sum(s.num_tokens for s in part) * self._processes
    rate_per_s = rate / max(now - self._window_start, 1e-9)
    row = {f"train/{name}": _mean(values, name) for name in values[0]}
    del row[f"train/{step.FINITE}"]
    row["time/wall_s"] = now - self._started
    row["time/tokens_per_s"] = rate_per_s
    if self._mfu_per_rate:
      row["time/mfu"] = rate_per_s * self._mfu_per_rate
    self._window_start = now
    self._done = part[-1].number
    self.write(self._done, row)

  def write(self, number: int, row: dict[str, float]) -> None:
    """Writes a row of another kind, and shows it."""
    if self._writer is not None:
      self._writer.write(number, row)
    self._bar.update(number, row)

  def skip_time(self) -> None:
    """What went by since the last row was not training."""
    self._window_start = time.monotonic()


def _mean(values: list[dict[str, Any]], name: str) -> float:
  """Of Means on the host; summed in float64, in the order of the steps."""
  total = sum(float(v[name].total) for v in values)
  count = sum(float(v[name].count) for v in values)
  return total / count if count else 0.0


def num_tokens(batch: step.Batch) -> int:
  """Tokens of this process's rows, padding left out where it is marked."""
  if isinstance(batch, Mapping) and "segment_ids" in batch:
    return int(np.count_nonzero(batch["segment_ids"]))
  return int(np.prod(np.shape(jax.tree.leaves(batch)[0])[:2]))
