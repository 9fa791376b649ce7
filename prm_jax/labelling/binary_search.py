"""The first error of a wrong solution, by halving (arXiv 2406.06592).

From prefixes that hold the error no completion is to end correct, from the
others some; then log2(steps) prefixes are completed and not all of them. With
few completions a right prefix of value V is taken for a wrong one with
probability (1 - V)^N, and where a policy can recover from an error a wrong
prefix passes with 1 - (1 - V)^N: an early error may then be overlooked.
"""

import dataclasses
from collections.abc import Generator, Mapping, Sequence

from prm_jax import errors
from prm_jax.data import records
from prm_jax.labelling import first_errors, rollouts, rounds
from prm_jax.tasks import base as tasks


def first_error(num_steps: int) -> Generator[int, bool | None, int | None]:
  """Halves the steps of a wrong solution down to the first error.

  Yields how many of the steps are to be completed, at least 1 and less than
  all, and is sent whether such a prefix is right, None where that is not
  known.

  Args:
    num_steps: of the solution, at least 1.

  Returns:
    Index of the first wrong step; None where halving had to stop.
  """
  if num_steps < 1:
    raise ValueError(f"num_steps: {num_steps}, expected at least 1")
  right, wrong = 0, num_steps
  while wrong - right > 1:
    middle = (right + wrong) // 2
    is_right = yield middle
    if is_right is None:
      return None
    if is_right:
      right = middle
    else:
      wrong = middle
  return wrong - 1


@dataclasses.dataclass(frozen=True)
class SearchConfig:
  """Choices that change the labels.

  Attributes:
    num: N, completions of a prefix.
    threshold: a prefix is right where more than this share of them is correct.
  """

  num: int = 8
  threshold: float = 0.0

  @property
  def completes_whole(self) -> bool:
    """Whether solutions are completed behind their last step: never."""
    return False

  def __post_init__(self):
    if self.num < 1:
      raise errors.UserError("binary_search.num: must be at least 1")
    if not 0 <= self.threshold < 1:
      raise errors.UserError("binary_search.threshold: must be in [0, 1)")


def label(
  given: Sequence[rollouts.Given],
  complete_fn: rollouts.CompleteFn,
  task: tasks.Task,
  config: SearchConfig,
  completer: str,
) -> list[records.StepLabels]:
  """Labels the steps of solutions up to the first error.

  The binary error locating of URSA (arXiv 2501.04686). A solution with a right
  answer is right in every step; of one without a verdict, or where completions
  have none, nothing is known. Counts are those of the prefixes that were
  completed for any solution of the problem, and the answer's at the last step.

  Args:
    given: the solutions; those of a problem share the counts of states.
    complete_fn: `config.num` completions of each prefix by the completer.
    task: judges the answers of whole solutions.
    config: see there.
    completer: its name, for the records.

  Returns:
    As `rollouts.label`, with classes up to the first error.
  """
  found = rollouts.judge_whole(given, task)
  costs = [rollouts.Cost()] * len(given)

  def answer(asked: list[tuple[int, int]]) -> list[bool | None]:
    places = [(i, num - 1) for i, num in asked]
    rollouts.complete_states(given, places, complete_fn, found, costs)
    keys = [rollouts.key_of(given[i], k) for i, k in places]
    return [_is_right(found[key], config) for key in keys]

  errors_at = rounds.run([_locate(one, found) for one in given], answer)
  return [
    _record(one, found, first, cost, completer)
    for one, first, cost in zip(given, errors_at, costs, strict=True)
  ]


def _is_right(count: rollouts.Count, config: SearchConfig) -> bool | None:
  (right,) = rollouts.classes(
    [count.num_correct], [count.num_total], config.threshold
  )
  return None if right is None else bool(right)


def _locate(
  one: rollouts.Given, found: Mapping[rollouts.State, rollouts.Count]
) -> rounds.Search[int, bool | None, int | None]:
  """Index of the first error, -1: none, None: not known."""
  whole = found[rollouts.key_of(one, len(one.steps) - 1)]
  if not whole.num_total:
    return None
  if whole.num_correct:
    return -1
  halving = first_error(len(one.steps))
  try:
    asked = next(halving)
    while True:
      (is_right,) = yield [asked]
      asked = halving.send(is_right)
  except StopIteration as stop:
    return stop.value


def _record(
  one: rollouts.Given,
  found: Mapping[rollouts.State, rollouts.Count],
  first: int | None,
  cost: rollouts.Cost,
  completer: str,
) -> records.StepLabels:
  size = len(one.steps)
  none = rollouts.Count(0, 0)
  counts = [found.get(rollouts.key_of(one, k), none) for k in range(size)]
  hard, place = first_errors.target(first, size)
  return records.StepLabels(
    problem_id=one.problem.id,
    n_correct=tuple(count.num_correct for count in counts),
    n_total=tuple(count.num_total for count in counts),
    completer=completer,
    steps=one.steps,
    hard=hard,
    first_error=place,
    extra={rollouts.LINE: one.line, rollouts.COST: cost._asdict()},
  )
