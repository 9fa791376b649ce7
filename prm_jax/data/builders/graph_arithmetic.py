"""TFDS builder: problems and demonstrations of arithmetic on graphs."""

from typing import ClassVar

from prm_jax.data.builders import task_builder
from prm_jax.tasks import graph_arithmetic


class GraphArithmetic(task_builder.TaskBuilder):
  """`config.task_config` is a `tasks.graph_arithmetic.Config`."""

  task_class: ClassVar = graph_arithmetic.GraphArithmetic
