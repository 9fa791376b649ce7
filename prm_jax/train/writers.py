"""Metrics on disk: JSON lines, and the same for TensorBoard."""

import contextlib
import json
import math
import os
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

import tensorboardX

from prm_jax import errors

FILE = "metrics.jsonl"


class MetricWriter:
  """Appends one JSON object per report to `metrics.jsonl` of a directory.

  A row is `{"step": updates done, "train/…" | "eval/…" | "time/…": number}`.
  All but `time/…` follow from configuration and seed alone.

  Args:
    directory: made when missing.
    first_step: the step that the run starts or continues from. Later rows,
      left by a process that died after it, are dropped.
  """

  def __init__(self, directory: str | pathlib.Path, first_step: int = 0):
    self._path = pathlib.Path(directory) / FILE
    with self._told():
      self._path.parent.mkdir(parents=True, exist_ok=True)
      self.kept = _keep_until(self._path, first_step)
      self._file = self._path.open("a")
    self._board = tensorboardX.SummaryWriter(
      str(self._path.parent / "tensorboard"), purge_step=first_step + 1
    )

  def write(self, step: int, scalars: Mapping[str, float]) -> None:
    """Writes a row; it survives the death of the process."""
    # JSON has no NaN.
    row = {k: v if math.isfinite(v) else None for k, v in scalars.items()}
    with self._told():
      self._file.write(json.dumps({"step": step, **row}) + "\n")
      self._file.flush()
      for name, value in scalars.items():
        self._board.add_scalar(name, value, step)

  def close(self) -> None:
    """Closes the files."""
    with self._told():
      self._file.close()
      self._board.close()

  @contextlib.contextmanager
  def _told(self) -> Iterator[None]:
    try:
      yield
    except OSError as error:
      raise errors.UserError(
        f"{self._path}: cannot be written: {error.strerror}"
      ) from error


def read(path: pathlib.Path) -> list[dict[str, Any]]:
  """The rows of a `metrics.jsonl`; a last line that was cut short is left."""
  if not path.exists():
    return []
  rows = []
  for line in path.read_text().splitlines():
    try:
      rows.append(json.loads(line))
    except ValueError:
      break
  return rows


def _keep_until(path: pathlib.Path, step: int) -> list[dict[str, Any]]:
  """Cuts the file after the rows of `step`; returns those that stay."""
  kept = [row for row in read(path) if row["step"] <= step]
  draft = path.with_name(f"{path.name}.tmp")
  draft.write_text("".join(json.dumps(row) + "\n" for row in kept))
  os.replace(draft, path)
  return kept
