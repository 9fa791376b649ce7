"""Labels by OmegaPRM (arXiv 2406.06592): rollouts where they tell most.

A problem is completed, and as long as there is budget the most promising
wrong rollout of its tree is halved down to its first error. Every prefix that
is completed on the way becomes a state with rollouts of its own. So labels
gather around first errors, and cost log2(steps) states and not one per step.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from prm_jax.data import records
from prm_jax.labelling import binary_search, omega_tree, pairs, rollouts, rounds
from prm_jax.solvers import prompts
from prm_jax.solvers import rollouts as completions
from prm_jax.tasks import base as tasks

# What a record has in `extra`: steps before the edge, visits of its end.
PREFIX, VISITS = pairs.PREFIX, pairs.VISITS

Steps: TypeAlias = tuple[str, ...]
# which completions (equal prefixes of one turn get the same ones), and of what
_Ask: TypeAlias = tuple[int, Steps]
_Search: TypeAlias = rounds.Search[
  _Ask, Sequence[completions.Rollout], omega_tree.Tree
]
# problems and steps written so far -> completions of each
WriteFn: TypeAlias = Callable[
  [Sequence[tasks.Problem], Sequence[Steps]],
  Sequence[Sequence[completions.Rollout]],
]
# whether the policy can go on from these steps
FitsFn: TypeAlias = Callable[[tasks.Problem, Steps], bool]


@dataclasses.dataclass(frozen=True)
class Searched:
  """The labels of one problem.

  Attributes:
    labels: one record per edge, with counts at its last step alone; `extra`
      has the line of the input, how many steps come before the edge, the
      state's visits and the problem's own counts.
    told: see `omega_tree.summary`.
  """

  labels: list[records.StepLabels]
  told: Mapping[str, Any]


def label(
  problems: Sequence[tuple[int, tasks.Problem]],
  write_fn: WriteFn,
  config: omega_tree.OmegaConfig,
  completer: str,
  fits_fn: FitsFn = lambda problem, steps: True,
) -> list[Searched]:
  """Searches all problems at the same time.

  Args:
    problems: [n] lines of the input, and problems.
    write_fn: `config.num` completions of each prefix by the completer; called
      once per round with what all open searches ask.
    config: see there.
    completer: its name, for the records.
    fits_fn: rollouts of which it says no are left out, and counted.

  Returns:
    [n]; a problem's does not depend on the others.
  """

  def answer(asked):
    parts = [prompts.of_turn(problems[i][1], turn) for i, (turn, _) in asked]
    return write_fn(parts, [steps for _, (_, steps) in asked])

  searches = [_search(problem, config, fits_fn) for _, problem in problems]
  trees = rounds.run(searches, answer)
  return [
    Searched(_labels(tree, line, problem, completer), omega_tree.summary(tree))
    for tree, (line, problem) in zip(trees, problems, strict=True)
  ]


def _search(
  problem: tasks.Problem, config: omega_tree.OmegaConfig, fits_fn: FitsFn
) -> _Search:
  """Grows the tree of one problem."""
  tree = omega_tree.Tree(config)
  turns = range(config.root_num // config.num)
  rows = yield [(turn, ()) for turn in turns]
  root = tree.add((), [one for row in rows for one in row])
  root.on_route = True
  while picked := _select(tree, problem, fits_fn):
    yield from rounds.together([_halve(tree, *one) for one in picked])
  return tree


def _select(
  tree: omega_tree.Tree, problem: tasks.Problem, fits_fn: FitsFn
) -> list[tuple[omega_tree.State, completions.Rollout]]:
  """Rollouts to be searched side by side."""
  picked: list[tuple[omega_tree.State, completions.Rollout]] = []
  left = tree.config.num_searches - tree.searches
  while len(picked) < min(tree.config.parallel, left):
    found = tree.select()
    if found is None:
      break
    state, rollout = found
    if not fits_fn(problem, state.steps + rollout.steps[:-1]):
      tree.unusable += 1
      continue
    if tree.config.visits == "selected":
      state.visits += 1
    picked.append(found)
  tree.searches += len(picked)
  return picked


def _halve(
  tree: omega_tree.Tree,
  state: omega_tree.State,
  rollout: completions.Rollout,
) -> rounds.Search[_Ask, Sequence[completions.Rollout], None]:
  """Finds the first error of a rollout; what is before it is of the tree."""
  bounds = [0, *tree.bounds(rollout.steps)]
  prefix = lambda num: state.steps + rollout.steps[: bounds[num]]
  halving = binary_search.first_error(len(bounds) - 1)
  met: dict[int, omega_tree.State] = {}
  try:
    num = next(halving)
    while True:
      found = tree.get(prefix(num))
      if found is None:
        (rows,) = yield [(0, prefix(num))]
        # A search at its side may have asked for the same.
        found = tree.get(prefix(num)) or tree.add(prefix(num), rows)
      met[num] = found
      share = found.share
      num = halving.send(None if share is None else share > 0)
  except StopIteration as stop:
    first = stop.value
  if first == len(bounds) - 2:
    met[first + 1] = tree.end(prefix(first + 1), rollout.correct)
  for num, found in met.items():
    found.starts.add(prefix(num - 1))
    # Where a search had to stop, what is right is before the error.
    found.on_route |= bool(found.share) if first is None else num <= first + 1


def _labels(
  tree: omega_tree.Tree, line: int, problem: tasks.Problem, completer: str
) -> list[records.StepLabels]:
  root = tree.states[(), False]
  at_root = {"n_correct": root.num_correct, "n_total": root.num_total}
  found = []
  for state, start in tree.edges():
    before = (0,) * (len(state.steps) - 1)
    counts = (*before, state.num_correct), (*before, state.num_total)
    hard = rollouts.classes(*counts)
    found.append(
      records.StepLabels(
        problem_id=problem.id,
        n_correct=counts[0],
        n_total=counts[1],
        completer=completer,
        steps=state.steps,
        hard=hard if tree.config.targets == "hard" else None,
        extra={
          rollouts.LINE: line,
          PREFIX: start,
          VISITS: state.visits,
          rollouts.ROOT: at_root,
        },
      )
    )
  return found
