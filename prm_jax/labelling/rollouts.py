"""Step labels by Monte-Carlo rollouts, as in Math-Shepherd (arXiv 2312.08935).

From every step prefix a completer writes N solutions; how many end correct
labels the step that the prefix ends with. Of a prefix with value V (of the
completer, who need not have written the solution) the share of successes is
Binomial(N, V) / N, and "any is correct" has probability 1 - (1 - V)^N.

Equal prefixes of a problem are one state, completed once.
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

from prm_jax import errors
from prm_jax.data import records
from prm_jax.solvers import rollouts
from prm_jax.tasks import base as tasks

LINE, COST, ROOT = "line", "cost", "root"  # what a record has in `extra`
_SLACK = 1e-9  # threshold x completions need not be whole by rounding

Steps: TypeAlias = tuple[str, ...]
# problem, steps, and whether they are a whole solution: where the last step is
# labelled by its answer, that is another state than the same steps on the way
State: TypeAlias = tuple[str, Steps, bool]
# problems and steps written so far -> counts
CompleteFn: TypeAlias = Callable[
  [Sequence[tasks.Problem], Sequence[Steps]], rollouts.Completions
]


@dataclasses.dataclass(frozen=True)
class RolloutConfig:
  """Choices that change the labels.

  Attributes:
    num: N, completions of a prefix.
    threshold: a step is right (class 1) where more than this share of its
      completions is correct; 0: any of them, as Math-Shepherd has it (arXiv
      2501.07301 compares shares up to 7/8).
    targets: what the labels train: "hard", the classes; "soft", the shares.
    after_error: the steps behind the first wrong one are labelled like the
      others ("label", Math-Shepherd), counted but not trained on ("ignore"),
      or not completed at all ("skip", as arXiv 2501.07301).
    last: the last step is labelled by its "answer", which is one completion,
      or by "rollouts", where solutions may be cut off.
    root: the bare problem is completed as well; its counts, pass@1 of the
      completer, go to `extra`.
  """

  num: int = 8
  threshold: float = 0.0
  targets: Literal["hard", "soft"] = "hard"
  after_error: Literal["label", "ignore", "skip"] = "label"
  last: Literal["answer", "rollouts"] = "answer"
  root: bool = False

  @property
  def completes_whole(self) -> bool:
    """Whether solutions are completed behind their last step, too."""
    return self.last == "rollouts"

  def __post_init__(self):
    if self.num < 1:
      raise errors.UserError("rollouts.num: must be at least 1")
    if not 0 <= self.threshold < 1:
      raise errors.UserError("rollouts.threshold: must be in [0, 1)")


@dataclasses.dataclass(frozen=True)
class Given:
  """A solution to be labelled.

  Attributes:
    line: its number in the input.
    problem: what it solves.
    steps: at least one.
  """

  line: int
  problem: tasks.Problem
  steps: Steps

  def __post_init__(self):
    if not self.steps:
      raise errors.UserError("steps: the solution has none")


class Cost(NamedTuple):
  """What the states cost that a solution was the first to ask for."""

  states: int = 0
  completions: int = 0
  policy_tokens: int = 0
  unknown: int = 0
  unfinished: int = 0

  def after(self, own: Mapping[str, int]) -> "Cost":
    """With one more state; `own` is a row of `Completions` by name."""
    return Cost(
      self.states + 1,
      self.completions + own["num_total"] + own["num_unknown"],
      self.policy_tokens + own["num_tokens"],
      self.unknown + own["num_unknown"],
      self.unfinished + own["num_unfinished"],
    )


class Count(NamedTuple):
  """What is known of a prefix."""

  num_correct: int
  num_total: int


def classes(
  n_correct: Sequence[int], n_total: Sequence[int], threshold: float = 0.0
) -> tuple[int | None, ...]:
  """1 for steps that are right, 0 for wrong ones, None without completions."""
  return tuple(
    None if not n else int(k > threshold * n + _SLACK)
    for k, n in zip(n_correct, n_total, strict=True)
  )


def first_error(hard: Sequence[int | None]) -> int | None:
  """Index of the first wrong step, -1: none, None: a step before is unknown."""
  for index, value in enumerate(hard):
    if value is None:
      return None
    if not value:
      return index
  return -1


def label(
  given: Sequence[Given],
  complete_fn: CompleteFn,
  task: tasks.Task,
  config: RolloutConfig,
  completer: str,
) -> list[records.StepLabels]:
  """Labels of every step, in the order of the solutions.

  Args:
    given: the solutions; those of a problem share the counts of states.
    complete_fn: `config.num` completions of each prefix by the completer.
    task: judges the answers of whole solutions.
    config: see there.
    completer: its name, for the records.

  Returns:
    One record per solution; `extra` has the line of the input, as `Cost` what
    the states cost that were asked for here first, and the root's counts.
  """
  found = judge_whole(given, task) if config.last == "answer" else {}
  counts = [[Count(0, 0)] * len(one.steps) for one in given]
  costs = [Cost()] * len(given)
  if config.root:
    bare = [(i, -1) for i in range(len(given))]
    complete_states(given, bare, complete_fn, found, costs)
  stopped: set[int] = set()
  for wave in _waves(given, config):
    places = [place for place in wave if place[0] not in stopped]
    complete_states(given, places, complete_fn, found, costs)
    for i, k in places:
      counts[i][k] = own = found[key_of(given[i], k)]
      (right,) = classes([own.num_correct], [own.num_total], config.threshold)
      if right == 0 and config.after_error == "skip":
        stopped.add(i)
  return [
    _record(one, own, cost, config, completer, found.get(key_of(one, -1)))
    for one, own, cost in zip(given, counts, costs, strict=True)
  ]


def key_of(one: Given, k: int) -> State:
  """The state that step k ends in, -1: the root; of all steps, their end."""
  return one.problem.id, one.steps[: k + 1], k == len(one.steps) - 1


def judge_whole(given: Sequence[Given], task: tasks.Task) -> dict[State, Count]:
  """Whole solutions by their answers: one completion, or none if unknown."""
  attempts = [(one.problem, one.steps) for one in given]
  return {
    key_of(one, len(one.steps) - 1): Count(int(v.correct), int(v.known))
    for one, v in zip(given, tasks.verify_all(task, attempts), strict=True)
  }


def _waves(
  given: Sequence[Given], config: RolloutConfig
) -> Iterator[list[tuple[int, int]]]:
  """(solution, step) pairs that can be completed together."""
  pairs = [(i, k) for i, one in enumerate(given) for k in range(len(one.steps))]
  if config.after_error != "skip":
    yield pairs
    return
  for depth in range(max((k for _, k in pairs), default=-1) + 1):
    yield [(i, k) for i, k in pairs if k == depth]


def complete_states(
  given: Sequence[Given],
  places: Sequence[tuple[int, int]],
  complete_fn: CompleteFn,
  found: dict[State, Count],
  costs: list[Cost],
) -> None:
  """Adds the states that are not known yet, and what they cost."""
  asked: dict[State, tuple[int, int]] = {}
  for i, k in places:
    if (key := key_of(given[i], k)) not in found:
      asked.setdefault(key, (i, k))
  if not asked:
    return
  counts = complete_fn(
    [given[i].problem for i, _ in asked.values()],
    [given[i].steps[: k + 1] for i, k in asked.values()],
  )
  rows = np.stack(counts, axis=1).tolist()
  for (key, (i, _)), row in zip(asked.items(), rows, strict=True):
    own: dict[str, int] = dict(
      zip(rollouts.Completions._fields, row, strict=True)
    )
    found[key] = Count(own["num_correct"], own["num_total"])
    costs[i] = costs[i].after(own)


def _record(
  one: Given,
  counts: Sequence[Count],
  cost: Cost,
  config: RolloutConfig,
  completer: str,
  root: Count | None,
) -> records.StepLabels:
  n_correct = tuple(count.num_correct for count in counts)
  n_total = tuple(count.num_total for count in counts)
  hard = classes(n_correct, n_total, config.threshold)
  extra: dict[str, Any] = {LINE: one.line, COST: cost._asdict()}
  if root is not None:
    extra[ROOT] = {"n_correct": root.num_correct, "n_total": root.num_total}
  return records.StepLabels(
    problem_id=one.problem.id,
    n_correct=n_correct,
    n_total=n_total,
    completer=completer,
    steps=one.steps,
    hard=hard if config.targets == "hard" else None,
    # Nothing behind it is trained on.
    first_error=None if config.after_error == "label" else first_error(hard),
    extra=extra,
  )
