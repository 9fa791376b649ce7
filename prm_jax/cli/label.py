"""`prm-jax label`: step labels of given solutions, by rollouts of a policy.

Labels are appended to `labels.jsonl` chunk by chunk; the same command after a
kill goes on with the problems that are not there yet. `shard` and `num_shards`
share the problems among processes, each with a workdir of its own; what they
write together is what one process would.
"""

import functools
import itertools
import pathlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import ml_collections

from prm_jax import errors
from prm_jax.build import fields
from prm_jax.checkpoint import disk
from prm_jax.cli import (
  compilation,
  label_files,
  label_input,
  label_inspector,
  label_pairs,
  label_policy,
  label_problems,
  label_sampling,
  label_trees,
  policies,
  relabel,
  report,
)
from prm_jax.cli import flags as flags_lib
from prm_jax.data import appended, record_files, records
from prm_jax.labelling import binary_search, label_stats, rollouts
from prm_jax.solvers import rollouts as completions
from prm_jax.solvers import solver

DEFAULT_CONFIG = "rollouts"
VOLATILE = (
  "config.batch_tokens",
  "config.chunk",
  "config.solver.batch_size",
  "config.solver.slots",
)

LabelFn: TypeAlias = Callable[..., list[records.StepLabels]]
# By the name of the group of its options: those and how solutions are labelled.
_LABELLERS: Mapping[str, tuple[type, LabelFn]] = {
  "rollouts": (rollouts.RolloutConfig, rollouts.label),
  "binary_search": (binary_search.SearchConfig, binary_search.label),
}
_OF_PROBLEMS: Mapping[str, Callable[..., int]] = {
  label_problems.NAME: label_problems.run,
  label_sampling.NAME: label_sampling.run,
}
# They make labels of files alone.
_WITHOUT_POLICY: Mapping[str, Callable[..., int]] = {
  label_pairs.NAME: label_pairs.run,
  label_trees.NAME: label_trees.run,
}


def run(
  config: ml_collections.ConfigDict,
  workdir: pathlib.Path,
  flags: flags_lib.Flags,
) -> int:
  """Labels the input's solutions and tells what the labels are like."""
  if "relabel" in config:
    return relabel.run(config, workdir, flags)
  name = config.labeller.name
  known = (*_LABELLERS, *_OF_PROBLEMS, *_WITHOUT_POLICY, label_inspector.NAME)
  if name not in known:
    raise errors.UserError(
      f"labeller.name: {name!r} is not one of {', '.join(known)}"
    )
  if name not in config:
    raise errors.UserError(f"labeller.name: {name!r} is of --config {name}")
  if name == label_inspector.NAME:
    return label_inspector.run(config, workdir, flags)
  if name not in _WITHOUT_POLICY:
    config.policy = flags.policy or flags.model or config.policy
    flags_lib.required("label", "policy", config.policy)
  config.input = flags.input or config.input
  flags_lib.required("label", "input", config.input)
  if name in _WITHOUT_POLICY:
    return _WITHOUT_POLICY[name](config, workdir)
  if name in _OF_PROBLEMS:
    return _OF_PROBLEMS[name](config, workdir)
  kind, label_fn = _LABELLERS[name]
  own: Any = fields.dataclass(kind, config[name].to_dict(), name)
  completer = label_policy.load(config)
  notation = policies.notation(completer.policy)
  found = label_input.read(config, notation, own.completes_whole)
  compilation.keep(workdir)
  searching = label_policy.sampler(config, completer, own.num, found.longest)
  path = record_files.shard_path(
    workdir / label_files.LABELS, config.shard, config.num_shards
  )
  labeller = _Labeller(searching, completer, own, label_fn)
  groups = found.by_problem()[config.shard :: config.num_shards]
  done = _label(labeller, groups, path, config.chunk)
  _finish(path, done, labeller, found.bad)
  return 0


class _Labeller:
  """What labels solutions, and how long it took."""

  def __init__(
    self,
    searching: solver.Solver,
    completer: label_policy.Completer,
    config: Any,
    label_fn: LabelFn,
  ):
    complete = functools.partial(
      completions.complete,
      searching,
      completer.task,
      policies.notation(completer.policy),
    )
    self.config = config
    self.wall_s = 0.0
    self.num_labels = 0
    self._searching = searching
    self._label = functools.partial(
      label_fn,
      complete_fn=complete,
      task=completer.task,
      config=config,
      completer=completer.name,
    )

  def __call__(
    self, given: Sequence[rollouts.Given]
  ) -> list[records.StepLabels]:
    self._searching.program  # noqa: B018, compiled outside of the time
    started = time.perf_counter()
    found = self._label(given)
    self.wall_s += time.perf_counter() - started
    self.num_labels += sum(n > 0 for one in found for n in one.n_total)
    return found


def _label(
  labeller: _Labeller,
  groups: Sequence[Sequence[rollouts.Given]],
  path: pathlib.Path,
  chunk: int,
) -> list[records.StepLabels]:
  """Labels what is not in the file yet; the file's records."""
  found, num_done = _already(path, groups)
  total = sum(map(len, groups))
  with report.progress("label", total) as tell:
    for part in _chunks(groups[num_done:], chunk):
      made = labeller(part)
      disk.append(path, map(records.to_json, made))
      found += made
      tell(len(found))
  return found


def _chunks(
  groups: Sequence[Sequence[rollouts.Given]], chunk: int
) -> Iterator[list[rollouts.Given]]:
  """Whole problems, so that their states are shared; `chunk` solutions."""
  part: list[rollouts.Given] = []
  for group in groups:
    part += group
    if len(part) >= chunk:
      yield part
      part = []
  if part:
    yield part


def _already(
  path: pathlib.Path, groups: Sequence[Sequence[rollouts.Given]]
) -> tuple[list[records.StepLabels], int]:
  """Labels of an earlier, killed run, and how many problems they are.

  What was written of a problem by halves is cut off.

  Raises:
    UserError: the file is not the beginning of this input's labels.
  """
  lines = appended.whole_lines(path)
  found = appended.read(path, records.StepLabels)
  expected = list(itertools.chain.from_iterable(groups))
  for number, one in enumerate(found):
    if number >= len(expected) or not _is_of(one, expected[number]):
      raise errors.UserError(f"{path}:{number + 1}: is of another input")
  ends = list(itertools.accumulate(map(len, groups)))
  num_done = sum(end <= len(found) for end in ends)
  kept = ends[num_done - 1] if num_done else 0
  appended.keep(path, lines[:kept])
  return found[:kept], num_done


def _is_of(label: records.StepLabels, given: rollouts.Given) -> bool:
  return (
    label.extra.get(rollouts.LINE) == given.line
    and label.problem_id == given.problem.id
    and label.steps == given.steps
  )


def _finish(
  path: pathlib.Path,
  labels: Sequence[records.StepLabels],
  labeller: _Labeller,
  bad: Sequence[str],
) -> None:
  """Writes the statistics, and prints the main ones."""
  stats: dict[str, Any] = label_stats.summarise(
    labels, labeller.config.threshold
  )
  stats["trained"] = label_stats.trained(labels)
  stats["bad_lines"] = len(bad)
  # Of this process alone: what a killed run took is not known.
  stats["wall_s"] = labeller.wall_s
  stats["labels_per_s"] = (
    labeller.num_labels / labeller.wall_s if labeller.wall_s else None
  )
  cost = stats["cost"]
  told = [
    f"{stats['labels']} labels of {stats['steps']} steps",
    f"{stats['solutions']} solutions",
    f"{cost['states']} states",
    f"{cost['policy_tokens']} tokens",
  ]
  if stats["labels"]:
    told.append(f"{100 * stats['positive']:.1f} % positive")
  left = {
    "completions without verdict": cost["unknown"],
    "unfinished completions": cost["unfinished"],
  }
  label_files.finish(path, stats, told, bad, left)
