"""ProcBench, DIA and perturbed problems, from judged answers."""

import collections
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from prm_jax import errors
from prm_jax.data import fields
from prm_jax.data.formats import base as formats
from prm_jax.data.formats import rows
from prm_jax.eval import bootstrap, dia, perturbation, procbench
from prm_jax.eval.benchmarks import answered, base
from prm_jax.tasks import (
  grading,
  instructions,
  perturbed_algebra,
  templates,
)


@dataclasses.dataclass(frozen=True)
class States:
  """A run through instructions."""

  final: Any
  intermediate: tuple[Any, ...] = ()
  extra: Mapping[str, Any] = dataclasses.field(default_factory=dict)

  @property
  def all(self) -> tuple[Any, ...]:
    return (*self.intermediate, self.final)


@dataclasses.dataclass(frozen=True)
class Run:
  """A row of ProcBench with what was predicted; null: no answer was read."""

  label: States
  prediction: States | None = None
  task: str = ""
  extra: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Instance:
  """The outcome of one instance of a template, see `eval.dia`."""

  template: str
  outcome: str
  extra: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Answered:
  """A judged answer; the kind of the seed problem is `seed` or empty."""

  seed: str
  correct: bool
  kind: str = ""
  extra: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def own_format(name: str, record: type, citation: str) -> formats.Format[Any]:
  """Of JSON lines that users write themselves."""
  names = [f.name for f in dataclasses.fields(record) if f.name != "extra"]

  def parse(row: formats.Row, place: str, told: formats.Told) -> Iterable[Any]:
    del place, told
    yield fields.decode_dataclass(row, record)

  columns = f"JSON lines with {', '.join(names)}"
  note = formats.Note("your own runs", columns, "yours", citation)
  return formats.Format(name, record, parse, note)


SEED_KINDS = ("", "seed")
PROCBENCH = own_format("procbench", Run, "arXiv 2410.03117")
DIA = own_format("dia", Instance, "arXiv 2410.15490")
PERTURBATION = own_format("perturbation", Answered, "arXiv 2505.23851")


@dataclasses.dataclass(frozen=True)
class ProcBench:
  """Prefixes of states, by length of the run.

  Attributes:
    problems: of `tasks.instructions`, that the input's solutions are of;
      empty: the input has labels and predictions.
  """

  needs_scores: ClassVar[bool] = False
  problems: str = ""

  def measure(
    self, path: str, source: base.Source, resampling: base.Resampling
  ) -> list[base.Measure]:
    del source
    groups: dict[str, list[procbench.Match]] = collections.defaultdict(list)
    for row in self._rows(path):
      said = () if row.prediction is None else row.prediction.all
      own = procbench.match(row.label.all, said)
      groups["all"].append(own)
      groups[procbench.bucket(len(row.label.intermediate))].append(own)
    return [
      base.measured(
        name,
        metric,
        bootstrap.mean(
          np.array([getattr(m, metric) for m in own], float),
          **resampling.options,
        ),
        len(own),
      )
      for name, own in groups.items()
      for metric in procbench.Match._fields
    ]

  def _rows(self, path: str) -> list[Run]:
    if not self.problems:
      return rows.read(PROCBENCH, path).records
    found = []
    needed = ("intermediate", "final")
    for one in answered.read(path, self.problems, instructions.NAME, needed):
      said = instructions.read_states(one.text)
      label = _states(instructions.states(one.problem))
      found.append(Run(label, _states(said) if said else None))
    return found


def _states(given: list[str]) -> States:
  return States(given[-1], tuple(given[:-1]))


@dataclasses.dataclass(frozen=True)
class Dia:
  """Reliability over the instances of each template.

  Attributes:
    problems: of `tasks.templates`, that the input's solutions are of; empty:
      the input has outcomes.
  """

  needs_scores: ClassVar[bool] = False
  problems: str = ""

  def measure(
    self, path: str, source: base.Source, resampling: base.Resampling
  ) -> list[base.Measure]:
    del source
    found = []
    for name, own in self._outcomes(path).items():
      try:
        found.append(dia.template(list(own)))
      except errors.UserError as error:
        raise errors.UserError(f"{path}: template {name}: {error}") from error
    n = len(found)
    metrics = {
      "reliability_score": [own.reliability for own in found],
      "task_success_rate": [own.success for own in found],
      "confidence_index": [own.confident for own in found],
      "near_miss_score": [own.near_miss for own in found],
    }
    measures = []
    for metric, values in metrics.items():
      share = bootstrap.mean(np.array(values, float), **resampling.options)
      if metric in ("confidence_index", "near_miss_score"):
        # These are numbers of templates.
        share = bootstrap.Interval(*(n * x for x in share))
      measures.append(base.measured("templates", metric, share, n))
    return measures

  def _outcomes(self, path: str) -> Mapping[str, Sequence[str]]:
    """By template."""
    if self.problems:
      given = answered.read(path, self.problems, templates.NAME, ("template",))
      with grading.Grader() as grader:
        return templates.outcomes(
          grader, [one.problem for one in given], [one.text for one in given]
        )
    outcomes: dict[str, list[str]] = collections.defaultdict(list)
    for row in rows.read(DIA, path).records:
      outcomes[row.template].append(row.outcome)
    return outcomes


@dataclasses.dataclass(frozen=True)
class Perturbation:
  """Accuracy on seeds less that on their variants, paired.

  Attributes:
    problems: of `tasks.perturbed_algebra`, that the input's solutions are of,
      judged by who wrote them; empty: the input says of what seed it is.
  """

  needs_scores: ClassVar[bool] = False
  problems: str = ""

  def measure(
    self, path: str, source: base.Source, resampling: base.Resampling
  ) -> list[base.Measure]:
    del source
    seeds: dict[str, bool] = {}
    variants = []
    for row in self._rows(path):
      if row.kind not in SEED_KINDS:
        variants.append((row.seed, row.kind, row.correct))
      elif row.seed in seeds:
        raise errors.UserError(f"{path}: seed {row.seed!r} stands there twice")
      else:
        seeds[row.seed] = row.correct
    if not variants:
      raise errors.UserError(f"{path}: kind: no row is a variant of a seed")
    try:
      drops = perturbation.drops(seeds, variants, **resampling.options)
    except errors.UserError as error:
      raise errors.UserError(f"{path}: {error}") from error
    found = []
    for kind, own in drops.items():
      found += [
        base.measured(kind, "accuracy", own.accuracy, own.num_seeds),
        base.measured(kind, "seed_accuracy", own.seed_accuracy, own.num_seeds),
        base.measured(kind, "drop", own.drop, own.num_seeds),
      ]
    return found

  def _rows(self, path: str) -> list[Answered]:
    if not self.problems:
      return rows.read(PERTURBATION, path).records
    found = []
    for one in answered.read(
      path, self.problems, perturbed_algebra.NAME, ("seed", "kind")
    ):
      if one.correct is None:
        raise errors.UserError(
          f"{path}: problem {one.problem.id}: correct: not judged"
        )
      meta = one.problem.meta
      found.append(Answered(meta["seed"], one.correct, meta["kind"]))
    return found
