"""What a way to label took: seconds, tokens, slots of the decoder."""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from prm_jax.reports import results
from prm_jax.solvers import solver
from prm_jax.tasks import base as tasks


class Meter:
  """A sampler that tells what it took."""

  def __init__(self, searching: solver.Solver):
    self._searching = searching
    self.clear()

  def clear(self) -> None:
    self.solved: list[solver.Solved] = []

  def solve(self, problems: Sequence[tasks.Problem]) -> solver.Solved:
    self.solved.append(self._searching.solve(problems))
    return self.solved[-1]

  @property
  def tokens(self) -> int:
    return sum(int(one.cost.policy_tokens.sum()) for one in self.solved)

  @property
  def slots(self) -> int:
    return sum(one.slots for one in self.solved)

  @property
  def decode_s(self) -> float:
    return sum(one.wall_s for one in self.solved)


class Round(NamedTuple):
  """What one run of a method took."""

  labels: int
  wall_s: float
  cpu_s: float
  tokens: int
  slots: int
  decode_s: float


def timed(meters: Iterable[Meter], method: Callable[[], int]) -> Round:
  """Runs a method, whose policies the meters watch."""
  meters = list(meters)
  for meter in meters:
    meter.clear()
  wall, cpu = time.perf_counter(), time.process_time()
  labels = method()
  return Round(
    labels=labels,
    wall_s=time.perf_counter() - wall,
    cpu_s=time.process_time() - cpu,
    tokens=sum(meter.tokens for meter in meters),
    slots=sum(meter.slots for meter in meters),
    decode_s=sum(meter.decode_s for meter in meters),
  )


def row_of(name: str, rounds: Sequence[Round]) -> results.Row:
  """A method's medians over the rounds."""
  rates = [one.labels / one.wall_s for one in rounds]
  median = lambda value_fn: float(np.median([value_fn(x) for x in rounds]))
  last = rounds[-1]
  cost = {
    "labels": last.labels,
    "policy_tokens": last.tokens,
    "tokens_per_label": last.tokens / last.labels,
    "cpu_s_per_1000_labels": median(lambda x: 1000 * x.cpu_s / x.labels),
  }
  if last.tokens:
    cost |= {
      "tokens_per_s": median(lambda x: x.tokens / x.decode_s),
      "tokens_per_cpu_s": median(lambda x: x.tokens / x.cpu_s),
      "utilisation": last.tokens / last.slots,
      "decoding_share": median(lambda x: x.decode_s / x.wall_s),
    }
  return results.Row(
    *(name, "labels_per_s", float(np.median(rates)), min(rates), max(rates)),
    n=len(rounds),
    cost=cost,
    wall_s=median(lambda x: x.wall_s),
  )


def told(row: results.Row) -> str:
  """A line of the table."""
  cost = row.cost
  parts = [
    row.name,
    f"{cost['labels']:,}",
    f"{row.value:,.0f} ({row.ci_low:,.0f} to {row.ci_high:,.0f})",
    f"{cost['cpu_s_per_1000_labels']:.3g}",
    f"{cost['tokens_per_label']:.1f}",
  ]
  if "utilisation" in cost:
    parts += [
      f"{cost['tokens_per_s']:,.0f}",
      f"{100 * cost['utilisation']:.0f} %",
      f"{100 * cost['decoding_share']:.0f} %",
    ]
  else:
    parts += ["", "", ""]
  return f"| {' | '.join(parts)} |"
