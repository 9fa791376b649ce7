"""TFDS builder: problems and demonstrations of modular addition chains."""

from typing import ClassVar

from prm_jax.data.builders import task_builder
from prm_jax.tasks import chain


class Chain(task_builder.TaskBuilder):
  """`config.task_config` is a `tasks.chain.Config`."""

  task_class: ClassVar = chain.Chain
