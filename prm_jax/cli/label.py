"""`prm-jax label`: step labels of given solutions, by rollouts of a policy.

Labels are appended to `labels.jsonl` chunk by chunk; the same command after a
kill goes on with the problems that are not there yet. `shard` and `num_shards`
share the problems among processes, each with a workdir of its own; what they
write together is what one process would.
"""

import functools
import itertools
import json
import pathlib
import time
from collections.abc import Iterator, Sequence
from typing import Any

import ml_collections

from prm_jax import errors
from prm_jax.build import fields, models, searches
from prm_jax.build.methods import sampling
from prm_jax.checkpoint import disk
from prm_jax.cli import compilation, label_input, relabel, report, solving
from prm_jax.cli import flags as flags_lib
from prm_jax.data import atomic, record_files, records
from prm_jax.labelling import label_stats, rollouts
from prm_jax.solvers import rollouts as completions
from prm_jax.solvers import solver
from prm_jax.tasks import base as tasks

DEFAULT_CONFIG = "rollouts"
VOLATILE = ("config.chunk", "config.solver.batch_size", "config.solver.slots")
LABELS = "labels.jsonl"
STATS = "label_stats.json"
_MOST_TOLD = 10  # bad lines


def run(
  config: ml_collections.ConfigDict,
  workdir: pathlib.Path,
  flags: flags_lib.Flags,
) -> int:
  """Labels the input's solutions and tells what the labels are like."""
  if "relabel" in config:
    return relabel.run(config, workdir, flags)
  config.policy = flags.policy or flags.model or config.policy
  config.input = flags.input or config.input
  for name in ("policy", "input"):
    if not config[name]:
      raise errors.UserError(f"label needs --{name}")
  _check(config)
  own = fields.dataclass(
    rollouts.RolloutConfig, config.rollouts.to_dict(), "rollouts"
  )
  task = models.task(config.task)
  policy = solving.load_policy(config.policy)
  written = searches.notation(
    policy, config.prompt, config.steps, task.max_step_tokens
  )
  policy = policy._replace(tokenizer=written)
  found = label_input.read(config, written, own.last == "rollouts")
  compilation.keep(workdir)
  searching = _solver(config, task, policy, own, found)
  path = record_files.shard_path(
    workdir / LABELS, config.shard, config.num_shards
  )
  labeller = _Labeller(
    *(searching, task, policy, own),
    config.completer or _name(config.policy),
  )
  groups = found.by_problem()[config.shard :: config.num_shards]
  done = _label(labeller, groups, path, config.chunk)
  _finish(workdir, path, done, labeller, found.bad)
  return 0


def _check(config: ml_collections.ConfigDict) -> None:
  if config.chunk < 1:
    raise errors.UserError("chunk: must be at least 1")
  if config.num_shards < 1:
    raise errors.UserError("num_shards: must be at least 1")
  if not 0 <= config.shard < config.num_shards:
    raise errors.UserError(
      f"shard: {config.shard} is not one of 0 to {config.num_shards - 1}"
    )


def _solver(
  config: ml_collections.ConfigDict,
  task: tasks.Task,
  policy: models.Loaded,
  own: rollouts.RolloutConfig,
  found: label_input.Input,
) -> solver.Solver:
  """Plain sampling from prefixes of any shard: all have the same program."""
  room = config.solver.copy_and_resolve_references()
  if not room.prompt_tokens:
    multiple = solving.PROMPT_MULTIPLE
    room.prompt_tokens = -(-found.longest // multiple) * multiple
  return solving.make_solver(
    task,
    policy,
    solving.no_verifier(),
    search=sampling.BestOfN(own.num),
    sampler=config.sampler,
    sizes=solving.sizes(room, policy, []),
    ends=searches.step_config(config.steps),
    seed=config.seed,
  )


def _name(directory: str) -> str:
  """Of RUN/policy/model it is `policy`."""
  path = pathlib.Path(directory).resolve()
  return path.parent.name if path.name == "model" else path.name


class _Labeller:
  """What labels solutions, and how long it took."""

  def __init__(
    self,
    searching: solver.Solver,
    task: tasks.Task,
    policy: models.Loaded,
    config: rollouts.RolloutConfig,
    completer: str,
  ):
    complete = functools.partial(
      completions.complete, searching, task, solving.policy_notation(policy)
    )
    self.config = config
    self.wall_s = 0.0
    self.num_labels = 0
    self._searching = searching
    self._label = functools.partial(
      rollouts.label,
      complete_fn=complete,
      task=task,
      config=config,
      completer=completer,
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
      with disk.told_when_full(f"{path}: cannot go on"), path.open("a") as file:
        file.writelines(records.to_json(one) + "\n" for one in made)
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
  if not path.exists():
    return [], 0
  text = path.read_bytes()
  lines = text[: text.rfind(b"\n") + 1].splitlines(keepends=True)
  found = [
    _read(line, f"{path}:{number}") for number, line in enumerate(lines, 1)
  ]
  expected = list(itertools.chain.from_iterable(groups))
  for number, one in enumerate(found):
    if number >= len(expected) or not _is_of(one, expected[number]):
      raise errors.UserError(f"{path}:{number + 1}: is of another input")
  ends = list(itertools.accumulate(map(len, groups)))
  num_done = sum(end <= len(found) for end in ends)
  kept = ends[num_done - 1] if num_done else 0
  whole = b"".join(lines[:kept])
  if whole != text:
    path.write_bytes(whole)
  return found[:kept], num_done


def _read(line: bytes, where: str) -> records.StepLabels:
  try:
    return records.from_json(line, records.StepLabels)
  except errors.UserError as error:
    raise errors.UserError(f"{where}: {error}") from error


def _is_of(label: records.StepLabels, given: rollouts.Given) -> bool:
  return (
    label.extra.get(rollouts.LINE) == given.line
    and label.problem_id == given.problem.id
    and label.steps == given.steps
  )


def _finish(
  workdir: pathlib.Path,
  path: pathlib.Path,
  labels: Sequence[records.StepLabels],
  labeller: _Labeller,
  bad: Sequence[str],
) -> None:
  """Writes the statistics, and prints the main ones."""
  stats: dict[str, Any] = label_stats.summarise(
    labels, labeller.config.threshold
  )
  stats["bad_lines"] = len(bad)
  # Of this process alone: what a killed run took is not known.
  stats["wall_s"] = labeller.wall_s
  stats["labels_per_s"] = (
    labeller.num_labels / labeller.wall_s if labeller.wall_s else None
  )
  with atomic.replacing(workdir / STATS) as temporary:
    temporary.write_text(json.dumps(stats, indent=2) + "\n")
  for message in bad[:_MOST_TOLD]:
    print(f"skipped: {message}")
  cost = stats["cost"]
  told = [
    f"{stats['labels']} labels of {stats['steps']} steps",
    f"{stats['solutions']} solutions",
    f"{cost['states']} states",
    f"{cost['policy_tokens']} tokens",
  ]
  if stats["labels"]:
    told.append(f"{100 * stats['positive']:.1f} % positive")
  for name, count in (
    ("completions without verdict", cost["unknown"]),
    ("unfinished completions", cost["unfinished"]),
    ("bad lines", len(bad)),
  ):
    told += [f"{count} {name}"] if count else []
  print(f"{path}: {', '.join(told)}")
