"""Training and held-out examples, from generated data or from files."""

import dataclasses
import functools
import pathlib
from typing import Literal, NamedTuple

import ml_collections

from prm_jax import errors
from prm_jax.build import fields, models
from prm_jax.build.objectives import registry as objectives
from prm_jax.checkpoint import disk
from prm_jax.cli import public_examples, record_examples
from prm_jax.data import examples as examples_lib
from prm_jax.data import sources
from prm_jax.data.builders import (
  chain,
  countdown,
  game24,
  graph_arithmetic,
  quiet,
  register_programs,
  task_builder,
)
from prm_jax.labelling import targets
from prm_jax.tasks import base as tasks
from prm_jax.text import hf_tokenizer
from prm_jax.text import tokenizer as tokenizer_lib

BUILDERS = {
  "game24": game24.Game24,
  "countdown": countdown.Countdown,
  "chain": chain.Chain,
  "graph_arithmetic": graph_arithmetic.GraphArithmetic,
  "register_programs": register_programs.RegisterPrograms,
}
SPLITS: tuple[tasks.Split, ...] = ("train", "validation")


@dataclasses.dataclass(frozen=True)
class ExamplesConfig:
  """Where examples come from.

  Attributes:
    source: "demonstrations", generated for the task; "files", records;
      "public", a public data set, see `public_examples`.
    num_demonstrations: per problem.
    problems: file of `Problem` records.
    solutions: file of `Solution` records of these problems.
    labels: file of `StepLabels`, for objectives of these; where empty, labels
      of steps come from the task's oracle.
    pairs: file of `StepPair`, for objectives of these.
    eval_problems: held-out problems, "" for none.
    eval_solutions: their solutions.
    eval_labels: their labels.
    eval_pairs: their pairs.
  """

  source: Literal["demonstrations", "files", "public"] = "demonstrations"
  num_demonstrations: int = 60
  problems: str = ""
  solutions: str = ""
  labels: str = ""
  pairs: str = ""
  eval_problems: str = ""
  eval_solutions: str = ""
  eval_labels: str = ""
  eval_pairs: str = ""

  @property
  def files(self) -> dict[str, str]:
    """Files to train on, by kind."""
    return {
      "problems": self.problems,
      "solutions": self.solutions,
      "labels": self.labels,
      "pairs": self.pairs,
    }

  @property
  def held_out_files(self) -> dict[str, str]:
    """Files to evaluate on, by kind."""
    return {
      "problems": self.eval_problems,
      "solutions": self.eval_solutions,
      "labels": self.eval_labels,
      "pairs": self.eval_pairs,
    }


class Loaded(NamedTuple):
  """Examples of a run."""

  train: examples_lib.Examples
  held_out: examples_lib.Examples | None


def load(
  config: ml_collections.ConfigDict,
  task: tasks.Task,
  tokenizer: tokenizer_lib.Tokenizer | hf_tokenizer.HfTokenizer,
  data_dir: pathlib.Path,
) -> Loaded:
  """Examples of the config's objective.

  Args:
    config: of a training run.
    task: the config's task.
    tokenizer: of the model to train.
    data_dir: of generated data sets.
  """
  own = fields.dataclass(ExamplesConfig, config.examples.to_dict(), "examples")
  if own.source == "demonstrations":
    splits = _demonstrations(config, own, task, data_dir)
    solved = [sources.from_tfds(splits[s]) for s in SPLITS]
    made = [_encoded(config, task, tokenizer, part) for part in solved]
    return Loaded(made[0], made[1])
  if own.source == "public":
    return Loaded(*public_examples.load(config, tokenizer, data_dir))
  if not isinstance(tokenizer, tokenizer_lib.Tokenizer):
    read = functools.partial(record_examples.load, config, tokenizer=tokenizer)
    held_out = own.eval_problems and read(own.held_out_files, "eval_")
    return Loaded(read(own.files, ""), held_out or None)
  train = _from_files(config, own.files, task, tokenizer, "")
  if not own.eval_problems:
    return Loaded(train, None)
  return Loaded(
    train, _from_files(config, own.held_out_files, task, tokenizer, "eval_")
  )


def _demonstrations(config, own, task, data_dir):
  """A data source per split, generated unless it is there."""
  if task.name not in BUILDERS:
    raise errors.UserError(
      f"examples.source: {task.name!r} generates no demonstrations; take "
      '"public" or "files"'
    )
  with quiet.quiet():
    builder = BUILDERS[task.name](
      data_dir=data_dir,
      config=task_builder.TaskConfig(
        task_config=models.task_fields(config.task),
        num_demonstrations=own.num_demonstrations,
        seed=config.seed,
        splits=SPLITS,
      ),
    )
  path = pathlib.Path(builder.data_path)
  if not path.exists():
    print(f"demonstrations of {task.name}: {path}", flush=True)
  with quiet.quiet(), disk.told_when_full(f"{path}: cannot be written"):
    return task_builder.prepare(builder)


def _from_files(config, files, task, tokenizer, prefix):
  """Examples of `files`, by kind; `prefix` is that of their fields."""
  kind = objectives.get(config.objective.name).records
  if kind == "pairs" or (kind == "labels" and files["labels"]):
    return record_examples.load(config, files, prefix, tokenizer)
  for name in ("problems", "solutions"):
    if not files[name]:
      raise errors.UserError(f"examples.{prefix}{name}: no file given")
  paths = [files["problems"], files["solutions"]]
  try:
    return _encoded(config, task, tokenizer, sources.from_files(*paths))
  except errors.UserError as error:
    told = str(error)
    if any(path in told for path in paths):
      raise
    raise errors.UserError(f"{paths[1]}: {told}") from error


def _encoded(config, task, tokenizer, solved):
  encoded = sources.encode(tokenizer, solved.problems, solved.solutions)
  objective = record_examples.objective(config)
  entry = objectives.get(objective.name)
  if entry.records == "solutions":
    tree = record_examples.tree(config)
    return targets.from_solutions(objective, encoded, tree)
  if entry.examples not in targets.OF_ORACLE:
    raise errors.UserError(
      f"examples.{entry.records}: no file given; objective "
      f"{objective.name!r} learns from no other"
    )
  return targets.from_oracle(task, solved.problems, encoded, entry.examples)
