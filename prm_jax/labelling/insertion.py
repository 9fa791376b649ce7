"""Errors put into right solutions (URSA, arXiv 2501.04686).

From the step that was spoilt on every step is wrong, whatever the policy's
value says of it. Who spoils steps is a callable: a model that misreads, or a
task's own rule.
"""

import json
from collections.abc import Callable, Sequence
from typing import TypeAlias

from prm_jax import errors
from prm_jax.data import records
from prm_jax.tasks import base as tasks

SPOILT = "spoilt"  # in `extra`: index of the step
# problem, steps, index of the step to spoil -> steps from there on, or None
# where that cannot be done
SpoilFn: TypeAlias = Callable[
  [tasks.Problem, Sequence[str], int], Sequence[str] | None
]


def insert(
  problem: tasks.Problem,
  steps: Sequence[str],
  spoil_fn: SpoilFn,
  seed: int = 0,
) -> records.StepLabels | None:
  """Labels of a right solution with an error in it.

  Args:
    problem: of the solution.
    steps: all of them right.
    spoil_fn: changes the step, and those behind it as it sees fit.
    seed: of the choice of the step, which depends on it, problem and steps.

  Returns:
    Right until the spoilt step, wrong from it on; None where `spoil_fn` gives
    up or leaves everything as it was.
  """
  if not steps:
    raise errors.UserError("steps: the solution has none")
  said = json.dumps([seed, problem.id, *steps])
  index = int(tasks.hash_key(said) * len(steps))
  changed = spoil_fn(problem, steps, index)
  if changed is None or list(changed) == list(steps[index:]):
    return None
  if not changed:
    raise ValueError("the spoilt steps are gone")
  zeros = (0,) * (index + len(changed))
  return records.StepLabels(
    problem_id=problem.id,
    n_correct=zeros,
    n_total=zeros,
    completer="",
    steps=(*steps[:index], *changed),
    hard=(*(1,) * index, *(0,) * len(changed)),
    extra={SPOILT: index},
  )
