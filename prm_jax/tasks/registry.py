"""The tasks by name, for whoever turns a config into objects."""

from collections.abc import Callable
from typing import Any, NamedTuple

from prm_jax import errors
from prm_jax.tasks import (
  base,
  chain,
  countdown,
  game24,
  graph_arithmetic,
  gsm8k,
  hendrycks_math,
  questions,
  register_programs,
)


class Entry(NamedTuple):
  """A task and the dataclass of its config's fields."""

  config: type
  make: Callable[[Any], base.Task]


TASKS: dict[str, Entry] = {
  game24.NAME: Entry(game24.Config, game24.Game24),
  countdown.NAME: Entry(countdown.Config, countdown.Countdown),
  chain.NAME: Entry(chain.Config, chain.Chain),
  graph_arithmetic.NAME: Entry(
    graph_arithmetic.Config, graph_arithmetic.GraphArithmetic
  ),
  register_programs.NAME: Entry(
    register_programs.Config, register_programs.RegisterPrograms
  ),
  questions.NAME: Entry(questions.Config, questions.Questions),
  gsm8k.NAME: Entry(gsm8k.Config, gsm8k.Gsm8k),
  hendrycks_math.NAME: Entry(hendrycks_math.Config, hendrycks_math.Math),
}


def get(name: str) -> Entry:
  if name not in TASKS:
    raise errors.UserError(
      f"task.name: no task {name!r}, expected one of {', '.join(TASKS)}"
    )
  return TASKS[name]
