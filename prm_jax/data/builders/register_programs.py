"""TFDS builder: problems and demonstrations of programs on registers."""

from typing import ClassVar

from prm_jax.data.builders import task_builder
from prm_jax.tasks import register_programs


class RegisterPrograms(task_builder.TaskBuilder):
  """`config.task_config` is a `tasks.register_programs.Config`."""

  task_class: ClassVar = register_programs.RegisterPrograms
