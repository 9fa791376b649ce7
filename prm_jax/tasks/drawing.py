"""Draws the problems of a generated task, the same ones for the same seed."""

from collections.abc import Callable
from typing import TypeVar

import numpy as np

from prm_jax import errors
from prm_jax.tasks import base

# Draws for one problem before the config is taken to admit hardly any more.
_MAX_DRAWS = 1000
DrawnT = TypeVar("DrawnT")


def draw_problems(
  draw: Callable[[np.random.Generator], base.Problem | None],
  num_problems: int,
  seed: int,
) -> tuple[base.Problem, ...]:
  """Distinct problems; the first n are the same whatever `num_problems` is.

  Args:
    draw: a random problem, or None where the draw is no good.
    num_problems: how many to draw.
    seed: of all draws; problem i has a generator of its own.
  """
  if num_problems < 1 or seed < 0:
    raise errors.UserError(
      "task.num_problems, task.seed: expected at least 1 and 0, got "
      f"{num_problems} and {seed}"
    )
  problems: dict[str, base.Problem] = {}
  for index in range(num_problems):
    rng = np.random.default_rng((seed, index))
    drawn = (draw(rng) for _ in range(_MAX_DRAWS))
    problem = next((p for p in drawn if p and p.id not in problems), None)
    if problem is None:
      raise errors.UserError(
        f"task.num_problems: found {len(problems)} different problems of the "
        f"{num_problems} asked for"
      )
    problems[problem.id] = problem
  return tuple(problems.values())


def unlike(
  draw: Callable[[], DrawnT], key: Callable[[DrawnT], str], seen: set[str]
) -> DrawnT | None:
  """A draw whose key is not among those seen, which it then is.

  None where many draws in a row were: there are hardly any more.
  """
  for _ in range(_MAX_DRAWS):
    drawn = draw()
    if key(drawn) not in seen:
      seen.add(key(drawn))
      return drawn
  return None
