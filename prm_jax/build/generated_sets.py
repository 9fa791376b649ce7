"""Generated benchmark sets by name, written as what their readers take."""

import collections
import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

import ml_collections

from prm_jax import errors
from prm_jax.build import fields, models
from prm_jax.data import record_files
from prm_jax.data.formats import export
from prm_jax.tasks import (
  base,
  error_sets,
  instructions,
  perturbed_algebra,
  templates,
)

Counts: TypeAlias = Mapping[str, int]


@runtime_checkable
class GeneratedSet(Protocol):
  """A set with its options."""

  def write(self, path: pathlib.Path, seed: int) -> Counts:
    """Writes JSON lines, whole or not at all; how many of each kind.

    No two problems are equal; the same options and seed give the same bytes.

    Raises:
      UserError: names a field; among others, more problems than differ.
    """
    ...


def _write(
  path: pathlib.Path, problems: Sequence[base.Problem], kind: str
) -> Counts:
  """`Problem` records, counted by a field of `meta`."""
  record_files.write(path, problems)
  return collections.Counter(str(p.meta[kind]) for p in problems)


@dataclasses.dataclass(frozen=True)
class ProcBench:
  """See `tasks.instructions.make_set`."""

  step_counts: tuple[int, ...]
  per_count: int

  def write(self, path: pathlib.Path, seed: int) -> Counts:
    made = instructions.make_set(
      self.step_counts, per_count=self.per_count, seed=seed
    )
    return _write(path, made, "generator")


@dataclasses.dataclass(frozen=True)
class Dia:
  """See `tasks.templates.make_set`."""

  instances: int

  def write(self, path: pathlib.Path, seed: int) -> Counts:
    made = templates.make_set(self.instances, seed=seed)
    return _write(path, made, "template")


@dataclasses.dataclass(frozen=True)
class Perturbation:
  """See `tasks.perturbed_algebra.make_set`."""

  num_seeds: int
  variants_per_kind: int

  def write(self, path: pathlib.Path, seed: int) -> Counts:
    made = perturbed_algebra.make_set(
      self.num_seeds, variants_per_kind=self.variants_per_kind, seed=seed
    )
    return _write(path, made, "kind")


@dataclasses.dataclass(frozen=True)
class ProcessBench:
  """See `tasks.error_sets.make_rows`.

  Attributes:
    task: `chain` or `graph_arithmetic`, with its options.
    split: whose problems are taken, each once.
    num_rows: solutions.
    share_wrong: of them, with an error.
    style: "numbers", or "words" for a verifier that reads English.
  """

  task: Mapping[str, Any]
  split: base.Split
  num_rows: int
  share_wrong: float
  style: Literal["numbers", "words"]

  def write(self, path: pathlib.Path, seed: int) -> Counts:
    task = models.task(ml_collections.ConfigDict(self.task))
    if not isinstance(task, error_sets.Sampler):
      raise errors.UserError(
        f"options.task.name: {task.name!r} is not one of "
        f"{', '.join(error_sets.FIRST_ERROR)}, whose first errors are known"
      )
    num_problems = sum(1 for _ in task.problems(self.split))
    if self.num_rows > num_problems:
      raise errors.UserError(
        f"options.num_rows: {self.num_rows}, but the {self.split} split of "
        f"{task.name} has {num_problems} different problems (more with "
        "options.task.num_problems)"
      )
    rows = error_sets.make_rows(
      task,
      self.split,
      self.num_rows,
      share_wrong=self.share_wrong,
      style=self.style,
      seed=seed,
    )
    export.write(path, (dict(row) for row in rows))
    return error_sets.count(rows)._asdict()


SETS: Mapping[str, type] = {
  "procbench": ProcBench,
  "dia": Dia,
  "perturbation": Perturbation,
  "processbench": ProcessBench,
}


def make(name: str, options: Mapping[str, Any]) -> GeneratedSet:
  """The set with the options of the config's group `options`.

  Raises:
    UserError: no such set, or names a field.
  """
  if name not in SETS:
    raise errors.UserError(f"set: {name!r} is not one of {', '.join(SETS)}")
  found: GeneratedSet = fields.dataclass(SETS[name], options, "options")
  return found
