"""What commands that solve problems share: samples, added batch by batch."""

import pathlib
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import ml_collections
import numpy as np

from prm_jax import errors
from prm_jax.checkpoint import disk
from prm_jax.cli import report, solving
from prm_jax.data import appended, records
from prm_jax.reports import results
from prm_jax.tasks import base as tasks

FILE = "samples.jsonl"
MOST_PRINTED = 50


@runtime_checkable
class SolveFn(Protocol):
  """Makes samples of a batch of problems."""

  def __call__(
    self, problems: Sequence[tasks.Problem], /
  ) -> list[records.SearchSample]: ...


def problems(
  task: tasks.Task, config: ml_collections.ConfigDict
) -> list[tasks.Problem]:
  """The first `num_problems` of the config's split."""
  if config.split not in ("train", "validation", "test"):
    raise errors.UserError(
      f"split: {config.split!r} is not one of train, validation, test"
    )
  return solving.first(task.problems(config.split), config.num_problems)


def resumed(
  solve: SolveFn,
  given: Sequence[tasks.Problem],
  path: pathlib.Path,
  batch_size: int,
) -> list[records.SearchSample]:
  """Searches what is not in the file yet; samples in the problems' order."""
  done = {s.problem_id: s for s in _already(path)}
  missing = [p for p in given if p.id not in done]
  with report.progress("search", len(given)) as tell:
    for start in range(0, len(missing), batch_size):
      found = solve(missing[start : start + batch_size])
      disk.append(path, map(records.to_json, found))
      done |= {sample.problem_id: sample for sample in found}
      tell(len(done))
  return [done[p.id] for p in given]


def _already(path: pathlib.Path) -> list[records.SearchSample]:
  """Samples of an earlier, killed run; a half-written last line is cut."""
  appended.mend(path)
  return appended.read(path, records.SearchSample)


def summarise(
  name: str, samples: Sequence[records.SearchSample]
) -> results.Row:
  """Accuracy of the chosen rows and mean cost."""
  correct = np.array([_is_correct(sample) for sample in samples])
  cost = {
    field: np.array([sample.cost[field] for sample in samples])
    for field in (samples[0].cost if samples else ())
    if field != "wall_s"
  }
  wall_s = sum(sample.cost["wall_s"] for sample in samples)
  return solving.accuracy_row(name, correct, cost, wall_s)


def _is_correct(sample: records.SearchSample) -> bool:
  if sample.chosen is None:
    return False
  return bool(sample.rows[sample.chosen].correct)


def print_solutions(
  given: Sequence[tasks.Problem], samples: Sequence[records.SearchSample]
) -> None:
  """One line per problem, unless they are too many to read."""
  if len(given) > MOST_PRINTED:
    return
  for problem, sample in zip(given, samples, strict=True):
    said = "no solution found"
    if _is_correct(sample) and sample.chosen is not None:
      said = sample.rows[sample.chosen].answer or ""
    print(f"{problem.prompt} {said}")
