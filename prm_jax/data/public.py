"""A public data set as a source of problems, solutions and step labels."""

import dataclasses
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

from absl import logging

from prm_jax import errors
from prm_jax.data import records, sources
from prm_jax.data.builders import public_builder, public_sets, quiet
from prm_jax.data.formats import base, registry, rows

SPLIT = "rows"  # of a prepared data set: a source is one file or folder


@dataclasses.dataclass(frozen=True)
class SourceConfig:
  """Which data set, and where it is.

  Attributes:
    format: one of `formats.registry`, such as "math_shepherd".
    path: file or folder.
    skip_bad: leave rows out that do not fit the schema, and tell how many.
    storage: "rows" parses the file each time; "array_record" writes the
      records once to the data directory and finds out if the file changes.
  """

  format: str
  path: str
  skip_bad: bool = False
  storage: Literal["rows", "array_record"] = "rows"

  def __post_init__(self):
    registry.get(self.format)
    if not self.path:
      form = registry.get(self.format)
      note = form.make(form.options()).note
      raise errors.UserError(
        f"source.path: no file given for {self.format}; {note.how_to_get}"
      )


class Labelled(NamedTuple):
  """Problems by id, and step labels of solutions of them."""

  problems: dict[str, records.Problem]
  labels: list[records.StepLabels]


def labelled(
  config: SourceConfig, options: Any, data_dir: pathlib.Path
) -> Labelled:
  """Step labels of the data set.

  Args:
    config: the source.
    options: of the format; None for its own.
    data_dir: of prepared data sets.

  Raises:
    UserError: a data set without step labels, or what `rows.read` says.
  """
  form = _format(config, options)
  if form.labelled is None:
    raise errors.UserError(
      f"source.format: {config.format} has no labels of steps"
    )
  problems: dict[str, records.Problem] = {}
  labels = []
  for record in _records(config, options, data_dir):
    for item in form.labelled(record):
      problems[item.problem.id] = item.problem
      labels.append(item.labels)
  return Labelled(problems, labels)


def solved(
  config: SourceConfig, options: Any, data_dir: pathlib.Path
) -> sources.Solved:
  """Judged solutions of the data set; arguments as of `labelled`.

  Raises:
    UserError: a data set without judged solutions, or what `rows.read` says.
  """
  form = _format(config, options)
  if form.solved is None:
    raise errors.UserError(
      f"source.format: {config.format} has no judged solutions"
    )
  problems: dict[str, records.Problem] = {}
  solutions = []
  for record in _records(config, options, data_dir):
    for item in form.solved(record):
      problems[item.problem.id] = item.problem
      solutions.append(item.solution)
  return sources.Solved(problems, solutions)


def problems(
  config: SourceConfig, options: Any, data_dir: pathlib.Path
) -> Mapping[str, records.Problem]:
  """The problems alone, of any data set; arguments as of `labelled`."""
  if _format(config, options).solved is not None:
    return solved(config, options, data_dir).problems
  return labelled(config, options, data_dir).problems


def _format(config: SourceConfig, options: Any) -> base.Format[Any]:
  entry = registry.get(config.format)
  return entry.make(entry.options() if options is None else options)


def _records(
  config: SourceConfig, options: Any, data_dir: pathlib.Path
) -> Iterable[Any]:
  if config.storage == "rows":
    form = _format(config, options)
    return rows.Reader(form, config.path, skip_bad=config.skip_bad)
  own = public_builder.PublicConfig(
    files={SPLIT: config.path}, options=options, skip_bad=config.skip_bad
  )
  with quiet.quiet():
    builder = public_sets.get(config.format)(data_dir=data_dir, config=own)
    found = public_builder.prepare(builder)
  for line in found.told[SPLIT]["summary"]:
    logging.warning("%s: %s", config.path, line)
  kept = found.splits[SPLIT]
  return (kept[index] for index in range(len(kept)))
