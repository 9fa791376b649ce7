"""Demonstrations of a generated task as a TFDS data set in array_record.

One element is a problem with all its demonstrations: an element costs about
0.2 ms to write and to read, far more than a solution is worth.
"""

import dataclasses
import functools
import hashlib
import json
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

from prm_jax import errors
from prm_jax.tasks import base as tasks

SPLITS: tuple[tasks.Split, ...] = ("train", "validation", "test")
# A new number where the same configuration gives other demonstrations.
VERSION = "1.0.0"


def _digest(described: Mapping[str, Any]) -> str:
  """Eight hex digits of a configuration and of the files it names."""
  content = hashlib.sha256(json.dumps(described, sort_keys=True).encode())
  for value in described["task"].values():
    if value and isinstance(value, str) and pathlib.Path(value).is_file():
      content.update(pathlib.Path(value).read_bytes())
  return content.hexdigest()[:8]


@dataclasses.dataclass
class TaskConfig(tfds.core.BuilderConfig):
  """What a data set is made of; its folder is named after all of it.

  Attributes:
    task_config: the task's own `Config`; None for its defaults.
    num_demonstrations: per problem.
    seed: of the demonstrations. A problem's depend on the seed and its id
      alone, not on which problems come before.
    splits: the splits to write.
  """

  name: str = ""  # set from the rest
  task_config: Any = None
  num_demonstrations: int = 60
  seed: int = 0
  splits: Sequence[tasks.Split] = SPLITS

  def __post_init__(self):
    if self.num_demonstrations < 1:
      raise errors.UserError("data.num_demonstrations: must be at least 1")
    described = self.describe()
    self.name = f"seed{self.seed}-{_digest(described)}"
    self.description = json.dumps(described)

  def describe(self) -> dict[str, Any]:
    """All that the demonstrations depend on, but for the files it names."""
    task = self.task_config
    return {
      "task": {} if task is None else dataclasses.asdict(task),
      "num_demonstrations": self.num_demonstrations,
      "seed": self.seed,
      "splits": list(self.splits),
    }


class TaskBuilder(  # type: ignore[call-arg]
  tfds.core.GeneratorBasedBuilder, skip_registration=True
):
  """Base of the builders; a subclass names its task."""

  VERSION = tfds.core.Version(VERSION)
  BUILDER_CONFIGS: ClassVar = [TaskConfig()]
  # Nothing is downloaded; looking for the checksum file of an installed
  # package needs importlib_resources, which TFDS does not depend on.
  url_infos: ClassVar = None
  task_class: ClassVar[Callable[..., tasks.Task]]

  @functools.cached_property
  def task(self):
    """The `tasks.base.Task` of the configuration."""
    config = self.builder_config.task_config
    return self.task_class() if config is None else self.task_class(config)

  def _info(self) -> tfds.core.DatasetInfo:
    text, many = tfds.features.Text(), tfds.features.Sequence
    return tfds.core.DatasetInfo(
      builder=self,
      description=self.builder_config.description,
      features=tfds.features.FeaturesDict(
        {
          "id": text,
          "task": text,
          "prompt": text,
          "answer": text,  # empty where the problem has none
          "meta": text,  # JSON
          # Demonstration i has the next num_steps[i] entries of `steps`.
          "steps": many(tfds.features.Text()),
          "num_steps": many(np.int32),
          "correct": many(np.bool_),
        }
      ),
    )

  def _split_generators(self, dl_manager):
    del dl_manager  # nothing is downloaded
    for split in self.builder_config.splits:
      if next(iter(self.task.problems(split)), None) is None:
        raise errors.UserError(
          f"data.splits: task {self.name} has no problem in {split!r}"
        )
    return {
      split: self._generate_examples(split)
      for split in self.builder_config.splits
    }

  def _generate_examples(self, split) -> Iterator[tuple[str, dict[str, Any]]]:
    for problem in self.task.problems(split):
      yield problem.id, self._example(problem)

  def _example(self, problem: tasks.Problem) -> dict[str, Any]:
    config = self.builder_config
    rng = np.random.default_rng(_seed(config.seed, problem.id))
    shown = self.task.demonstrations(problem, rng, config.num_demonstrations)
    # Puzzles have few solutions, so most demonstrations are drawn again.
    verdicts = {
      steps: self.task.verify(problem, steps).correct
      for steps in {tuple(steps) for steps in shown}
    }
    return {
      "id": problem.id,
      "task": problem.task,
      "prompt": problem.prompt,
      "answer": problem.answer or "",
      "meta": json.dumps(dict(problem.meta)),
      "steps": [step for steps in shown for step in steps],
      "num_steps": [len(steps) for steps in shown],
      "correct": [verdicts[tuple(steps)] for steps in shown],
    }


def prepare(builder: TaskBuilder) -> Mapping[str, Sequence[Any]]:
  """Generates the data set unless it is there; a data source per split.

  TFDS writes to a folder of another name and renames it at the end, so a
  killed run leaves no half of a data set behind, and the next starts again.

  Raises:
    UserError: the folder cannot be written.
  """
  try:
    builder.download_and_prepare(file_format="array_record")
  except OSError as error:
    raise errors.UserError(
      f"{builder.data_dir}: cannot write: {error}"
    ) from error
  return builder.as_data_source()


def _seed(seed: int, problem_id: str) -> list[int]:
  digest = hashlib.sha256(problem_id.encode()).digest()
  return [seed, int.from_bytes(digest[:8], "big")]
