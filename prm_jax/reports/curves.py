"""Training curves as they were logged: the reader of `metrics.jsonl`."""

import json
import math
import pathlib
from typing import NamedTuple

import numpy as np

from prm_jax import errors

FILE = "metrics.jsonl"


class Curve(NamedTuple):
  """One metric over training."""

  steps: np.ndarray  # [points] int
  values: np.ndarray  # [points] float


def read(path: str | pathlib.Path) -> dict[str, Curve]:
  """Reads lines of `{"step": 10, "train/loss": 0.5, ...}`, by metric.

  Of several lines for one step (a run that was resumed) the last counts. A
  last line that was cut off is what a killed run leaves and is left out.

  Raises:
    errors.UserError: no such file, or a line that is no such object.
  """
  try:
    text = pathlib.Path(path).read_text()
  except (OSError, UnicodeDecodeError) as error:
    raise errors.UserError(f"{path}: cannot read: {error}") from None
  *whole, _ = text.split("\n")
  found: dict[str, dict[int, float]] = {}
  for number, line in enumerate(whole, start=1):
    for name, step, value in _points(line, f"{path}: line {number}"):
      found.setdefault(name, {})[step] = value
  return {name: _curve(points) for name, points in found.items()}


def _points(line: str, where: str) -> list[tuple[str, int, float]]:
  if not line.strip():
    return []
  try:
    row = json.loads(line)
  except ValueError as error:
    raise errors.UserError(f"{where}: not JSON: {error}") from None
  if not isinstance(row, dict) or not _is_number(row.get("step")):
    raise errors.UserError(f"{where}: step: missing or not a number")
  return [
    (name, int(row["step"]), float(value))
    for name, value in row.items()
    if name != "step" and _is_number(value) and math.isfinite(value)
  ]


def _is_number(value: object) -> bool:
  return isinstance(value, int | float) and not isinstance(value, bool)


def _curve(points: dict[int, float]) -> Curve:
  steps = sorted(points)
  return Curve(np.array(steps), np.array([points[s] for s in steps]))
