"""TFDS builder: problems and demonstrations of Countdown."""

from typing import ClassVar

from prm_jax.data.builders import task_builder
from prm_jax.tasks import countdown


class Countdown(task_builder.TaskBuilder):
  """`config.task_config` is a `tasks.countdown.Config`."""

  task_class: ClassVar = countdown.Countdown
