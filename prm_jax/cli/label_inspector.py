"""`prm-jax label --config inspector`: what steps tell of the right answer.

Labels go through as they are, with entropies and surprisals of the reference
answer under a language model in `extra`. They are appended to `labels.jsonl`
chunk by chunk; the same command after a kill goes on with the solutions that
are not there yet. `shard` and `num_shards` share them among processes.
"""

import pathlib
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import ml_collections

from prm_jax import errors
from prm_jax.build import fields, searches
from prm_jax.checkpoint import disk
from prm_jax.cli import (
  compilation,
  label_files,
  label_policy,
  policies,
  relabel_input,
  report,
)
from prm_jax.cli import flags as flags_lib
from prm_jax.data import appended, record_files, records
from prm_jax.labelling import counts, inspection, label_stats
from prm_jax.solvers import inspector, step_scores
from prm_jax.tasks import base as tasks

NAME = "inspector"


class _Given(NamedTuple):
  """A solution that can be read; `place` names it in messages."""

  place: str
  label: records.StepLabels
  problem: tasks.Problem


def run(
  config: ml_collections.ConfigDict,
  workdir: pathlib.Path,
  flags: flags_lib.Flags,
) -> int:
  """Inspects the input's solutions and tells what was found."""
  config.model = flags.model or flags.policy or config.model
  config.input = flags.input or config.input
  flags_lib.required("label", "model", config.model)
  flags_lib.required("label", "input", config.input)
  label_policy.check_shares(config)
  inspect = _load(config)
  source = relabel_input.read(config)
  given, bad = _askable(config, source, inspect.asking)
  compilation.keep(workdir)
  path = record_files.shard_path(
    workdir / label_files.LABELS, config.shard, config.num_shards
  )
  own = given[config.shard :: config.num_shards]
  started = time.perf_counter()
  labels = _label(config, inspect, own, path)
  stats = {
    **label_stats.summarise(labels),
    "inspected": inspection.summarise(labels),
    "input_solutions": len(source.labels),
    "bad_lines": len(bad),
    "wall_s": time.perf_counter() - started,  # of this process alone
  }
  _finish(path, stats, bad)
  return 0


def _load(config: ml_collections.ConfigDict) -> inspector.Inspector:
  loaded = policies.load(config.model, "--model")
  notation = searches.notation(loaded, config.prompt, config.steps, 0)
  own = {"tokenizer": notation, **config[NAME].to_dict()}
  limits = [n for n in (config.max_tokens, loaded.context) if n]
  return inspector.Inspector(
    loaded.model,
    loaded.params,
    fields.dataclass(inspector.Asking, own, NAME),
    step_scores.ScoringConfig(
      batch_tokens=config.batch_tokens,
      max_tokens=min(limits, default=0),
      overlong=config.overlong,
    ),
  )


def _askable(
  config: ml_collections.ConfigDict,
  source: relabel_input.Input,
  asking: inspector.Asking,
) -> tuple[list[_Given], list[str]]:
  """Solutions that the model can be asked about, and a line per other."""
  try:
    problems = source.problems(source.labels)
  except errors.UserError as error:
    raise errors.UserError(f"{config.input}: {error}") from error
  found, bad = [], list(source.bad)
  for index, (label, problem) in enumerate(
    zip(source.labels, problems, strict=True)
  ):
    one = _Given(f"{config.input}: labels[{index}]", label, problem)
    try:
      asking.check(problem, counts.steps(label))
    except errors.UserError as error:
      bad.append(f"{one.place}: {error}")
      if not config.skip_bad:
        raise errors.UserError(bad[-1]) from error
    else:
      found.append(one)
  if not found:
    raise errors.UserError(f"{config.input}: holds no solution; {bad[0]}")
  return found, bad


def _label(
  config: ml_collections.ConfigDict,
  inspect: inspector.Inspector,
  given: Sequence[_Given],
  path: pathlib.Path,
) -> list[records.StepLabels]:
  """Labels what is not in the file yet; the file's records."""
  name = label_policy.model_name(config.model)
  done = _already(path, given)
  with report.progress("label", len(given)) as tell:
    for start in range(len(done), len(given), config.chunk):
      part = given[start : start + config.chunk]
      found = inspect(
        [one.problem for one in part],
        [counts.steps(one.label) for one in part],
        [one.place for one in part],
      )
      made = [
        inspection.label(one.label, own, name)
        for one, own in zip(part, found, strict=True)
      ]
      disk.append(path, map(records.to_json, made))
      done += made
      tell(len(done))
  return done


def _already(
  path: pathlib.Path, given: Sequence[_Given]
) -> list[records.StepLabels]:
  """Labels of an earlier, killed run; a half-written last line is cut.

  Raises:
    UserError: the file is not the beginning of this input's labels.
  """
  appended.mend(path)
  found = appended.read(path, records.StepLabels)
  for number, one in enumerate(found):
    if number >= len(given) or not _is_of(one, given[number].label):
      raise errors.UserError(f"{path}:{number + 1}: is of another input")
  return found


def _is_of(made: records.StepLabels, given: records.StepLabels) -> bool:
  return inspection.INSPECTION in made.extra and (
    (made.problem_id, made.steps) == (given.problem_id, given.steps)
  )


def _finish(
  path: pathlib.Path, stats: dict[str, Any], bad: Sequence[str]
) -> None:
  own = stats["inspected"]
  told = [
    f"{own['gains']} gains of {stats['steps']} steps",
    f"{stats['solutions']} of {stats['input_solutions']} solutions",
    f"{own['read_tokens']} tokens read",
  ]
  told += [
    f"{mean:.3g} bits a step where {name}"
    for name, mean in own["mean_gain"].items()
    if mean is not None
  ]
  left = {
    "steps behind the answer": own["answer_steps"],
    "solutions too long": own["too_long"],
    "solutions truncated": own["truncated"],
  }
  label_files.finish(path, stats, told, bad, left)
