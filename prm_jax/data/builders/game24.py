"""TFDS builder: problems and demonstrations of Game of 24."""

from typing import ClassVar

from prm_jax.data.builders import task_builder
from prm_jax.tasks import game24


class Game24(task_builder.TaskBuilder):
  """`config.task_config` is a `tasks.game24.Config`."""

  task_class: ClassVar = game24.Game24
