"""`prm-jax quickstart`: the whole loop on Game of 24, from nothing to a table.

data -> policy -> samples -> verifiers (ORM, OVM, TVM) -> search -> report.
Every stage leaves its result in the workdir; a killed run goes on from there.
"""

import json
import pathlib
import time

import ml_collections
import rich
import rich.rule

from prm_jax import errors
from prm_jax.build import models
from prm_jax.build.methods import sampling
from prm_jax.cli import (
  compilation,
  policies,
  quickstart_table,
  report,
  solving,
  train,
  verifying,
)
from prm_jax.cli import flags as flags_lib
from prm_jax.data import atomic, record_files
from prm_jax.reports import html, results
from prm_jax.solvers import judging
from prm_jax.tasks import base as tasks

DEFAULT_CONFIG = "quickstart"
CLOCK = "clock.json"
TITLES = {"game24": "Game of 24", "countdown": "Countdown"}


def run(
  config: ml_collections.ConfigDict,
  workdir: pathlib.Path,
  flags: flags_lib.Flags,
) -> int:
  del flags
  task = models.task(config.task)
  check(config, task)
  if (workdir / results.FILE).is_file():
    return _show(results.read(workdir / results.FILE), workdir, task)
  compilation.keep(workdir)
  clock = Clock(workdir / CLOCK)
  data_dir = workdir / "data"
  with clock.stage("policy"):
    policy = train.stage(
      _of_task(config, config.policy),
      workdir / "policy",
      data_dir=data_dir,
      label="policy",
    )
  with clock.stage("samples"):
    sample(config, task, policy, workdir / "samples")
  verifiers = {}
  for name in config.verifiers:
    with clock.stage(name):
      verifiers[name] = train.stage(
        _verifier_config(config, config[name], workdir),
        workdir / name,
        data_dir=data_dir,
        label=name,
      )
  with clock.stage("search"):
    rows = quickstart_table.measure(config, task, policy, verifiers)
  rows.append(clock.row())
  results.write(workdir / results.FILE, "quickstart", config.to_dict(), rows)
  return _show(results.read(workdir / results.FILE), workdir, task)


def _show(
  found: results.Results, workdir: pathlib.Path, task: tasks.Task
) -> int:
  """The table and the page of a finished run."""
  title = TITLES.get(task.name, task.name)
  html.write(workdir / report.FILE, [workdir], title=title)
  report.show(found.rows, f"{title}, held-out puzzles")
  (total,) = [row.value for row in found.rows if row.metric == "wall_s"]
  print(f"{total:.0f} s in all; report: {workdir / report.FILE}")
  return 0


def check(config: ml_collections.ConfigDict, task: tasks.Task) -> None:
  """Tells a mistake in a late stage's config before the first stage runs.

  Raises:
    UserError: names the stage and its field.
  """
  vocab_size = task.tokenizer().vocab_size
  if not config.verifiers:
    raise errors.UserError("verifiers: there are none")
  own = {}
  for name in ("policy", *config.verifiers):
    if name not in config or "fit" not in config[name]:
      raise errors.UserError(f"verifiers: {name!r} is no stage of the config")
    try:
      own[name] = train.make_settings(config[name], vocab_size).model.config
    except errors.UserError as error:
      raise errors.UserError(f"{name}: {error}") from error
    train.check_trunk(own[name], own["policy"], f"{name}: policy.model")
  for name in ("num_rows", "num_eval_rows"):
    if config.samples[name] < 1:
      raise errors.UserError(f"samples.{name}: must be at least 1")
  quickstart_table.check(config, task)


def sample(
  config: ml_collections.ConfigDict,
  task: tasks.Task,
  policy: models.Loaded,
  workdir: pathlib.Path,
) -> None:
  """The policy's own solutions of training and validation puzzles."""
  sampler = config.sampler.copy_and_resolve_references()
  sampler.temperature = config.samples.temperature
  parts: tuple[tuple[tasks.Split, int], ...] = (
    ("train", config.samples.num_rows),
    ("validation", config.samples.num_eval_rows),
  )
  for split, num_rows in parts:
    target = workdir / f"{split}.solutions.jsonl"
    if target.exists():
      continue
    problems = list(task.problems(split))
    searching = solving.make_solver(
      task,
      policy,
      verifying.none(),
      search=sampling.BestOfN(num_rows),
      sampler=sampler,
      sizes=config.solver,
      seed=config.seed,
    )
    with report.progress(f"sample {split}", len(problems)) as tell:
      solved = searching.solve(problems, tell)
    notation = policies.notation(policy)
    judged = judging.judge(task, notation, solved)
    workdir.mkdir(exist_ok=True)
    record_files.write(workdir / f"{split}.problems.jsonl", problems)
    record_files.write(target, judging.to_solutions(solved, judged, "policy"))
    print(
      f"{split}: {judged.correct.size:,} solutions, "
      f"{100 * judged.correct.mean():.1f} % correct, "
      f"{solved.length.sum() / solved.wall_s:,.0f} tokens/s"
    )


def _of_task(
  config: ml_collections.ConfigDict, stage: ml_collections.ConfigDict
) -> ml_collections.ConfigDict:
  """The stage's config with the task of the whole."""
  stage = stage.copy_and_resolve_references()
  stage.task = config.task
  return stage


def _verifier_config(
  config: ml_collections.ConfigDict,
  stage: ml_collections.ConfigDict,
  workdir: pathlib.Path,
) -> ml_collections.ConfigDict:
  stage = _of_task(config, stage)
  samples = workdir / "samples"
  stage.init = str(workdir / "policy" / train.MODEL)
  stage.examples.problems = str(samples / "train.problems.jsonl")
  stage.examples.solutions = str(samples / "train.solutions.jsonl")
  stage.examples.eval_problems = str(samples / "validation.problems.jsonl")
  stage.examples.eval_solutions = str(samples / "validation.solutions.jsonl")
  return stage


class Clock:
  """Seconds per stage, kept over kills: the sum of all that was spent.

  A stage's time is added when it ends or fails; what `kill -9` takes away is
  not counted.
  """

  def __init__(self, path: pathlib.Path):
    self._path = path
    self._seconds: dict[str, float] = (
      json.loads(path.read_text()) if path.exists() else {}
    )

  @property
  def total(self) -> float:
    return sum(self._seconds.values())

  def stage(self, name: str) -> "_Stage":
    return _Stage(self, name)

  def add(self, name: str, seconds: float) -> None:
    self._seconds[name] = self._seconds.get(name, 0.0) + seconds
    with atomic.replacing(self._path) as temporary:
      temporary.write_text(json.dumps(self._seconds, indent=1) + "\n")

  def row(self) -> results.Row:
    return results.Row(
      name="quickstart",
      metric="wall_s",
      value=self.total,
      cost=dict(self._seconds),
      wall_s=self.total,
    )


class _Stage:
  """Context of one stage: a rule with its name, and its time."""

  def __init__(self, clock: Clock, name: str):
    self._clock, self._name = clock, name

  def __enter__(self) -> None:
    rich.print(rich.rule.Rule(self._name, align="left"))
    self._started = time.perf_counter()

  def __exit__(self, *unused: object) -> None:
    self._clock.add(self._name, time.perf_counter() - self._started)
