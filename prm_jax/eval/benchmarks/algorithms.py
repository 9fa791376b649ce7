"""Algorithms over seeds and tasks: aggregates, profiles, who improves."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from prm_jax import errors
from prm_jax.data.formats import rows
from prm_jax.eval import runs as runs_lib
from prm_jax.eval.benchmarks import base, policies


@dataclasses.dataclass(frozen=True)
class Score:
  """What an algorithm reached on a task with one seed."""

  algorithm: str
  task: str
  seed: int
  score: float
  extra: Mapping[str, Any] = dataclasses.field(default_factory=dict)


PROFILE, NUM_LEVELS = "performance_profile", 21
RUNS = policies.own_format("runs", Score, "arXiv 2108.13264")


@dataclasses.dataclass(frozen=True)
class Runs:
  """Aggregates of scores over seeds and tasks, and who improves on whom.

  Attributes:
    target: score that an optimality gap is measured from.
    levels: of the performance profiles; empty: evenly from the lowest score
      of all to the highest.
  """

  needs_scores: ClassVar[bool] = False
  target: float = 1.0
  levels: tuple[float, ...] = ()

  def measure(
    self, path: str, source: base.Source, resampling: base.Resampling
  ) -> list[base.Measure]:
    del source
    tables = _tables(rows.read(RUNS, path).records, path)
    seed = resampling.seed
    num_resamples = min(resampling.num_resamples, 2_000)
    interval = functools.partial(
      runs_lib.interval, seed=seed, num_resamples=num_resamples
    )
    found = []
    for name, table in tables.items():
      functions = {
        "iqm": runs_lib.interquartile_mean,
        "median": runs_lib.median_task,
        "optimality_gap": lambda t: runs_lib.optimality_gap(t, self.target),
        "mean": lambda t: float(np.mean(t)),
      }
      for metric, function in functions.items():
        own = interval(function, table)
        found.append(base.measured(name, metric, own, table.size))
    for name, table in tables.items():
      for other, against in tables.items():
        if name != other:
          own = interval(runs_lib.probability_of_improvement, table, against)
          title = f"{name} over {other}"
          metric = "probability_of_improvement"
          found.append(base.measured(title, metric, own, table.shape[1]))
    levels = self._levels(tables)
    for name, table in tables.items():
      shares = runs_lib.profile_intervals(
        table, levels, seed=seed, num_resamples=num_resamples
      )
      found += [
        base.measured(name, PROFILE, share, table.size, float(level))
        for level, share in zip(levels, shares, strict=True)
      ]
    return found

  def _levels(self, tables: Mapping[str, np.ndarray]) -> np.ndarray:
    if self.levels:
      return np.array(self.levels, float)
    lowest = min(table.min() for table in tables.values())
    highest = max(table.max() for table in tables.values())
    return np.linspace(lowest, highest, NUM_LEVELS)


def _tables(given: list[Score], path: str) -> dict[str, np.ndarray]:
  """[seeds, tasks] of each algorithm; every seed on every task."""
  tasks = list(dict.fromkeys(row.task for row in given))
  found: dict[str, dict[tuple[int, str], float]] = {}
  for row in given:
    own = found.setdefault(row.algorithm, {})
    if (row.seed, row.task) in own:
      raise errors.UserError(
        f"{path}: {row.algorithm}: seed {row.seed} stands there twice for task"
        f" {row.task!r}"
      )
    own[row.seed, row.task] = row.score
  tables = {}
  for name, own in found.items():
    seeds = sorted({seed for seed, _ in own})
    for seed in seeds:
      for task in tasks:
        if (seed, task) not in own:
          raise errors.UserError(
            f"{path}: {name}: seed {seed} has no score on task {task!r}"
          )
    tables[name] = np.array([[own[s, t] for t in tasks] for s in seeds], float)
    if not np.isfinite(tables[name]).all():
      raise errors.UserError(f"{path}: {name}: score: not a finite number")
  return tables
