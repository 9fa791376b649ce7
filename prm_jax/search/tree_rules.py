"""What makes one method of tree search differ from another."""

import dataclasses
from typing import Literal, NamedTuple

from prm_jax.search import (
  tree_backup,
  tree_growth,
  tree_output,
  tree_select,
)


@dataclasses.dataclass(frozen=True, eq=False)
class Rules:
  """What makes a method.

  Attributes:
    select: which child a walk goes to.
    growth: what is made of new children.
    back_up: what a visit says of the nodes above.
    expand: "second" visit of a node writes its children, so that a node is
      judged before more is written; "once" a simulation, so that each of them
      writes; "all" nodes on the way to an end.
    revisit: whether an end that was visited stays open. If not, a node closes
      when all its children are closed.
    commit: which child a move goes to, and the principal variation.
    worth: `nodes -> [B, M]` of a prefix, to rank those at which the tree
      ends; visited or not, they must be on one scale.
    rollout_steps: steps written behind a leaf to see how it goes on.
    rollout_rows: candidates of each such step, of which the best is kept.
    rollout_weight: share of the best score seen there in the evaluation.
    gate: a leaf of this value ends the search; None: none does.
  """

  select: tree_select.SelectFn
  growth: tree_growth.Growth
  back_up: tree_backup.BackUpFn = tree_backup.mean
  expand: Literal["second", "once", "all"] = "second"
  revisit: bool = True
  commit: tree_select.SelectFn = tree_select.most_visited
  worth: tree_output.WorthFn = tree_output.known
  rollout_steps: int = 0
  rollout_rows: int = 1
  rollout_weight: float = 0.5
  gate: float | None = None


class Budget(NamedTuple):
  """How long a search goes on.

  Simulations of each move; moves, after each of which the search goes on from
  the child it commits to; steps of a solution.
  """

  simulations: int
  moves: int
  max_steps: int
