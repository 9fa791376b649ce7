"""`prm-jax label --config relabel:METHOD`: labels made of labels.

No policy is loaded. The whole file is read and the whole result written under
its name at the end; the same command again gives the same files.
"""

import functools
import json
import pathlib
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import ml_collections

from prm_jax import errors
from prm_jax.build import fields
from prm_jax.cli import flags as flags_lib
from prm_jax.cli import judging, label_files, relabel_input
from prm_jax.data import fields as data_fields
from prm_jax.data import record_files, records
from prm_jax.labelling import (
  advantages,
  balance,
  consensus,
  counts,
  first_errors,
  information,
  judges,
  label_noise,
  label_stats,
  mutations,
  reannotation,
  relative_progress,
  stepwise_orm,
  truth_stats,
)


class Given(NamedTuple):
  """What methods may ask for."""

  source: relabel_input.Input
  other: list[records.StepLabels] | None
  judge: Callable[[], judges.JudgeFn]

  @property
  def labels(self) -> list[records.StepLabels]:
    """Those of the input."""
    return self.source.labels


MethodFn: TypeAlias = Callable[[Given, Any], counts.Relabelled]


def _judge(given: Given, own: data_fields.NoOptions) -> counts.Relabelled:
  problems = given.source.problems(given.labels)
  return judges.relabel(given.labels, problems, given.judge())


def _consensus(given: Given, own: consensus.Config) -> counts.Relabelled:
  problems = given.source.problems(given.labels)
  return consensus.relabel(given.labels, problems, given.judge(), own)


def _mutations(given: Given, own: mutations.Config) -> counts.Relabelled:
  problems = given.source.problems(given.labels)
  return mutations.relabel(given.labels, problems, relabel_input.task_of, own)


# Of each method its options and what it does.
METHODS: dict[str, tuple[type, MethodFn]] = {
  "rpe": (
    relative_progress.Config,
    lambda given, own: relative_progress.relabel(given.labels, own),
  ),
  "pav": (
    advantages.Config,
    lambda given, own: advantages.relabel(given.labels, given.other, own),
  ),
  "judge": (data_fields.NoOptions, _judge),
  "consensus": (consensus.Config, _consensus),
  "rearter": (
    balance.Config,
    lambda given, own: reannotation.relabel(given.labels, given.other, own),
  ),
  "mm_prm": (
    balance.Config,
    lambda given, own: balance.relabel(given.labels, own),
  ),
  "sorm": (
    stepwise_orm.Config,
    lambda given, own: stepwise_orm.relabel(given.labels, own),
  ),
  "hazard": (
    first_errors.Config,
    lambda given, own: first_errors.relabel(given.labels, own),
  ),
  "scan": (
    label_noise.Config,
    lambda given, own: label_noise.relabel(given.labels, own),
  ),
  "information": (
    information.Config,
    lambda given, own: information.relabel(given.labels, own),
  ),
  "mutations": (mutations.Config, _mutations),
}
WITH_OTHER = ("pav", "rearter")  # read a second file of labels


def run(
  config: ml_collections.ConfigDict,
  workdir: pathlib.Path,
  flags: flags_lib.Flags,
) -> int:
  """Relabels the input and tells what became of it."""
  config.input = flags.input or config.input
  config.scorer.model = flags.verifier or config.scorer.model
  config.scorer.format = flags.format or config.scorer.format
  flags_lib.required("label", "input", config.input)
  options, method = METHODS[config.relabel]
  own: Any = fields.dataclass(options, config.method.to_dict(), "method")
  source = relabel_input.read(config)
  truth = relabel_input.Truth()
  given = Given(
    source,
    other=_other(config),
    judge=functools.partial(judging.make, config, truth),
  )
  try:
    made = method(given, own)
  except errors.UserError as error:
    raise errors.UserError(_named(config, str(error))) from error
  if not made.labels:
    raise errors.UserError(
      f"{config.input}: {config.relabel} leaves no solution of "
      f"{len(source.labels)}: {json.dumps(made.told)}"
    )
  path = record_files.write(workdir / label_files.LABELS, made.labels)
  stats = {
    # What is left out was paid for, too.
    **label_stats.summarise(
      made.labels, paid=[*source.labels, *(given.other or ())]
    ),
    "trained": label_stats.trained(made.labels),
    "method": config.relabel,
    "input_solutions": len(source.labels),
    "relabelled": made.told,
    "bad_lines": len(source.bad),
  }
  if config.truth:
    problems = source.problems(made.labels)
    oracle = judges.Oracle(truth)
    stats["truth"] = truth_stats.compare(made.labels, problems, oracle)
  _finish(path, stats, source.bad)
  return 0


def _named(config: ml_collections.ConfigDict, told: str) -> str:
  """The line with the file that it is about."""
  about = told.startswith(("labels[", "extra."))
  return f"{config.input}: {told}" if about else told


def _other(
  config: ml_collections.ConfigDict,
) -> list[records.StepLabels] | None:
  if not config.other:
    return None
  if config.relabel not in WITH_OTHER:
    raise errors.UserError(
      f"other: {config.relabel!r} reads no second file of labels, "
      f"{' and '.join(WITH_OTHER)} do"
    )
  return relabel_input.labels_of(config.other, config.skip_bad)[0]


def _finish(path: pathlib.Path, stats: dict[str, Any], bad: list[str]) -> None:
  trained = stats["trained"]
  told = [
    f"{stats['solutions']} of {stats['input_solutions']} solutions",
    f"{trained['labels']} labels of {stats['steps']} steps",
  ]
  if trained["labels"]:
    told.append(f"{100 * trained['positive']:.1f} % positive")
  told += [
    f"{name} {value}"
    for name, value in stats["relabelled"].items()
    if isinstance(value, int) and value
  ]
  label_files.finish(path, stats, told, bad, {})
