"""Training and held-out examples, from generated data or from files."""

import dataclasses
import pathlib
from typing import Literal, NamedTuple

import ml_collections

from prm_jax import errors
from prm_jax.build import fields, models
from prm_jax.data import examples as examples_lib
from prm_jax.data import record_files, records, sources
from prm_jax.data.builders import chain, countdown, game24, task_builder
from prm_jax.labelling import targets, token_values
from prm_jax.tasks import base as tasks
from prm_jax.text import tokenizer as tokenizer_lib

BUILDERS = {
  "game24": game24.Game24,
  "countdown": countdown.Countdown,
  "chain": chain.Chain,
}


@dataclasses.dataclass(frozen=True)
class ExamplesConfig:
  """Where examples come from.

  Attributes:
    source: "demonstrations", generated for the task; "files", records.
    num_demonstrations: per problem.
    problems: file of `Problem` records.
    solutions: file of `Solution` records of these problems.
    labels: file of `StepLabels`, for the objective "step"; where empty, its
      labels come from the task's oracle.
    eval_problems: held-out problems, "" for none.
    eval_solutions: their solutions.
    eval_labels: their labels.
  """

  source: Literal["demonstrations", "files"] = "demonstrations"
  num_demonstrations: int = 60
  problems: str = ""
  solutions: str = ""
  labels: str = ""
  eval_problems: str = ""
  eval_solutions: str = ""
  eval_labels: str = ""


class Loaded(NamedTuple):
  """Examples of a run."""

  train: examples_lib.Examples
  held_out: examples_lib.Examples | None


def load(
  config: ml_collections.ConfigDict,
  task: tasks.Task,
  tokenizer: tokenizer_lib.Tokenizer,
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
    builder = BUILDERS[task.name](
      data_dir=data_dir,
      config=task_builder.TaskConfig(
        task_config=models.task_fields(config.task),
        num_demonstrations=own.num_demonstrations,
        seed=config.seed,
        splits=("train", "validation"),
      ),
    )
    splits = task_builder.prepare(builder)
    solved = [sources.from_tfds(splits[s]) for s in ("train", "validation")]
    made = [_encoded(config, task, tokenizer, part) for part in solved]
    return Loaded(made[0], made[1])
  train = _from_files(
    config, task, tokenizer, own.problems, own.solutions, own.labels, ""
  )
  if not own.eval_problems:
    return Loaded(train, None)
  held_out = _from_files(
    config,
    task,
    tokenizer,
    own.eval_problems,
    own.eval_solutions,
    own.eval_labels,
    "eval_",
  )
  return Loaded(train, held_out)


def _from_files(config, task, tokenizer, problems, solutions, labels, prefix):
  if not problems:
    raise errors.UserError(f"examples.{prefix}problems: no file given")
  if labels:
    found = record_files.read(problems, records.Problem).records
    return targets.from_labels(
      tokenizer,
      {problem.id: problem for problem in found},
      record_files.read(labels, records.StepLabels).records,
    )
  if not solutions:
    raise errors.UserError(f"examples.{prefix}solutions: no file given")
  solved = sources.from_files(problems, solutions)
  return _encoded(config, task, tokenizer, solved)


def _encoded(config, task, tokenizer, solved):
  encoded = sources.encode(tokenizer, solved.problems, solved.solutions)
  name = config.objective.name
  if name == "step":
    return targets.from_oracle(task, solved.problems, encoded)
  return targets.from_solutions(
    name,
    encoded,
    reduction=config.objective.reduction,
    tree=fields.dataclass(
      token_values.TreeConfig, config.tree.to_dict(), "tree"
    ),
  )
