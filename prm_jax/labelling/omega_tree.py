"""The tree of OmegaPRM: its states, and the rollouts that wait for a search.

A state is a prefix of steps with counts of its own completions; nothing is
backed up from one to another (arXiv 2406.06592). Its wrong completions wait
in a pool as long as the state is neither always nor never solved.
"""

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np

from prm_jax import errors
from prm_jax.labelling import rollouts
from prm_jax.solvers import rollouts as completions

Steps: TypeAlias = tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class OmegaConfig:
  """Choices that change the tree; the defaults are the paper's.

  OpenR's code counts words (`length`) and visits where a state is completed
  (`visits`); MM-PRM (arXiv 2505.13427) besides has num 16, length_scale 2000
  and num_searches 200.

  Attributes:
    num: k, completions of a state.
    root_num: of the problem itself, a multiple of `num`; where all or none of
      them are correct there is nothing to search.
    num_searches: rollouts that are halved, at most.
    alpha: base of the preference for states that are often solved.
    beta: base of the preference for short rollouts.
    length_scale: L, the length at which that preference is `beta`.
    length: of a rollout, in policy tokens or in words of its text.
    c_puct: weight of states that are seldom visited.
    pool: which rollouts can be searched, the "wrong" ones or "all".
    visits: a state is visited where one of its rollouts is "selected", or
      once, where it is "completed".
    segments: 0: a rollout is halved down to a step. Else its steps are put
      together to segments of at least 1 / `segments` of the mean length of
      the problem's solutions, 16 in the paper, and halving ends at these.
    parallel: rollouts of a problem that are searched at the same time; more
      than 1 fill the accelerator where few problems are left.
    edges: what is labelled: states one step (or segment) behind another state
      of the tree ("single"), as in the paper, or "all".
    targets: what the labels train: "soft", the shares; "hard", any correct.
  """

  num: int = 8
  root_num: int = 32
  num_searches: int = 100
  alpha: float = 0.5
  beta: float = 0.9
  length_scale: float = 500.0
  length: Literal["tokens", "words"] = "tokens"
  c_puct: float = 0.125
  pool: Literal["wrong", "all"] = "wrong"
  visits: Literal["selected", "completed"] = "selected"
  segments: int = 0
  parallel: int = 1
  edges: Literal["single", "all"] = "single"
  targets: Literal["soft", "hard"] = "soft"

  def __post_init__(self):
    for name in ("num", "root_num", "parallel"):
      if getattr(self, name) < 1:
        raise errors.UserError(f"omega.{name}: must be at least 1")
    for name in ("num_searches", "segments"):
      if getattr(self, name) < 0:
        raise errors.UserError(f"omega.{name}: must be at least 0")
    if self.root_num % self.num:
      raise errors.UserError(
        f"omega.root_num: {self.root_num} is not a multiple of omega.num, "
        f"{self.num}"
      )
    for name in ("alpha", "beta"):
      if not 0 < getattr(self, name) <= 1:
        raise errors.UserError(f"omega.{name}: must be in (0, 1]")
    if self.length_scale <= 0:
      raise errors.UserError("omega.length_scale: must be positive")
    if self.c_puct < 0:
      raise errors.UserError("omega.c_puct: must be at least 0")


@dataclasses.dataclass(eq=False)
class State:
  """A prefix, or a whole solution.

  Attributes:
    steps: of the prefix.
    ended: a whole solution, of which the answer is the one completion.
    num_correct: completions that are correct.
    num_total: completions with a verdict.
    visits: N.
    on_route: part of the tree, not behind a first error.
    starts: prefixes one segment shorter.
    pool: rollouts to be searched, the best first.
  """

  steps: Steps
  ended: bool
  num_correct: int
  num_total: int
  visits: int = 0
  on_route: bool = False
  starts: set[Steps] = dataclasses.field(default_factory=set)
  pool: list[completions.Rollout] = dataclasses.field(default_factory=list)

  @property
  def share(self) -> float | None:
    """MC; None if nothing is known."""
    return self.num_correct / self.num_total if self.num_total else None


def quality(share: float, length: float, config: OmegaConfig) -> float:
  """Q of a rollout, high for short wrong ones of states often solved."""
  return config.alpha ** (1 - share) * config.beta ** (
    length / config.length_scale
  )


def exploration(visits: int, total: int, config: OmegaConfig) -> float:
  """U of a state, high for those seldom visited; `total` is of all."""
  return config.c_puct * math.sqrt(total) / (1 + visits)


class Tree:
  """The states of one problem, in the order in which they were made."""

  def __init__(self, config: OmegaConfig):
    self.config = config
    self.states: dict[tuple[Steps, bool], State] = {}
    self.cost = rollouts.Cost()
    self.searches = 0
    self.unusable = 0  # rollouts that could not be gone on from
    self._segment = 0.0  # words

  def get(self, steps: Steps) -> State | None:
    """The state of a prefix."""
    return self.states.get((steps, False))

  def add(self, steps: Steps, rows: Sequence[completions.Rollout]) -> State:
    """The new state of a prefix with these completions."""
    counts = completions.count([rows])
    own = {name: int(column[0]) for name, column in counts._asdict().items()}
    self.cost = self.cost.after(own)
    state = State(steps, False, own["num_correct"], own["num_total"])
    state.visits = int(self.config.visits == "completed")
    if not self.states:
      self._measure(rows)
    if 0 < state.num_correct < state.num_total:
      state.pool = self._waiting(state, rows)
    self.states[steps, False] = state
    return state

  def end(self, steps: Steps, correct: bool) -> State:
    """The state of a whole solution."""
    new = State(steps, True, int(correct), 1)
    return self.states.setdefault((steps, True), new)

  def select(self) -> tuple[State, completions.Rollout] | None:
    """Takes the rollout of the highest Q + U out of the pool."""
    waiting = [state for state in self.states.values() if state.pool]
    if not waiting:
      return None
    total = sum(state.visits for state in self.states.values())
    state = max(
      waiting,
      key=lambda s: (
        self._quality(s, s.pool[0]) + exploration(s.visits, total, self.config)
      ),
    )
    return state, state.pool.pop(0)

  def bounds(self, steps: Sequence[str]) -> list[int]:
    """Numbers of steps at which the segments of a rollout end."""
    found, words = [], 0
    for index, step in enumerate(steps, 1):
      words += len(step.split())
      if words >= self._segment or index == len(steps):
        found.append(index)
        words = 0
    return found

  def edges(self) -> Iterable[tuple[State, int]]:
    """What is labelled, and how many of its steps are before the edge."""
    for state in self.states.values():
      if not (state.on_route and state.steps and state.num_total):
        continue
      starts = [len(s) for s in state.starts if self._on_route(s)]
      if not starts and self.config.edges == "all":
        ends = range(len(state.steps))
        starts = [k for k in ends if self._on_route(state.steps[:k])]
      if starts:
        yield state, max(starts)

  def _on_route(self, steps: Steps) -> bool:
    state = self.get(steps)
    return state is not None and state.on_route

  def _measure(self, rows: Sequence[completions.Rollout]) -> None:
    """The length of a segment, from the solutions of the problem."""
    if self.config.segments:
      mean = np.mean([sum(len(s.split()) for s in r.steps) for r in rows])
      self._segment = float(mean) / self.config.segments

  def _quality(self, state: State, rollout: completions.Rollout) -> float:
    length = float(rollout.num_tokens)
    if self.config.length == "words":
      length = float(sum(len(step.split()) for step in rollout.steps))
    share = state.num_correct / state.num_total
    return quality(share, length, self.config)

  def _waiting(
    self, state: State, rows: Sequence[completions.Rollout]
  ) -> list[completions.Rollout]:
    """Each once; those that were cut off have no first error to be found."""
    some = {
      one.steps: one
      for one in rows
      if one.steps and one.known and one.finished
      if self.config.pool == "all" or not one.correct
    }
    return sorted(some.values(), key=lambda one: -self._quality(state, one))


def summary(tree: Tree) -> Mapping[str, Any]:
  """What became of a problem: its own counts, the search and its cost."""
  root = next(iter(tree.states.values()))
  outcome = "searched"
  if not root.num_total:
    outcome = "no verdict"
  elif root.num_correct in (0, root.num_total):
    outcome = "always right" if root.num_correct else "always wrong"
  return {
    "outcome": outcome,
    "n_correct": root.num_correct,
    "n_total": root.num_total,
    "searches": tree.searches,
    "unusable": tree.unusable,
    rollouts.COST: tree.cost._asdict(),
  }
