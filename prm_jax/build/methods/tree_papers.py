"""Tree searches by the papers they come from."""

import dataclasses
from typing import ClassVar

from prm_jax import errors
from prm_jax.build.methods import base, trees
from prm_jax.search import alpha_math as alpha_math_lib
from prm_jax.search import i_mcts as i_mcts_lib
from prm_jax.search import mcts_dpo as mcts_dpo_lib
from prm_jax.search import rap as rap_lib
from prm_jax.search import rest_mcts as rest_mcts_lib


@dataclasses.dataclass(frozen=True)
class AlphaMath(trees.Tree):
  """See `search.alpha_math`; 5 rows and 40 simulations in the paper.

  Attributes:
    c_puct: weight of the prior.
    root_score: score of the prompt; None: its children's average.
  """

  METHOD: ClassVar = alpha_math_lib.alpha_math_mcts

  num_simulations: int = 40
  c_puct: float = 1.25
  root_score: float | None = None

  def __post_init__(self):
    super().__post_init__()
    base.at_least("search.c_puct", self.c_puct, 0)


@dataclasses.dataclass(frozen=True)
class RestMCTS(trees.Tree):
  """See `search.rest_mcts`; 3 rows in the paper.

  Attributes:
    c_ucb: weight of the bound.
    unvisited: added to the score of a child without visits.
    rollout_steps: steps behind the best child; 0: none.
    rollout_rows: candidates for each of them.
    rollout_weight: share of the best score there in a child's value.
    gate: a leaf of this value ends the search; None: none.
  """

  METHOD: ClassVar = rest_mcts_lib.rest_mcts

  c_ucb: float = 0.7
  unvisited: float = 1.0
  rollout_steps: int = 3
  rollout_rows: int = 1
  rollout_weight: float = 0.5
  gate: float | None = 0.9

  def __post_init__(self):
    super().__post_init__()
    base.at_least("search.c_ucb", self.c_ucb, 0)
    base.at_least("search.rollout_steps", self.rollout_steps, 0)
    base.at_least("search.rollout_rows", self.rollout_rows, 1)
    base.share("search.rollout_weight", self.rollout_weight)
    if self.rollout_rows > self.num_rows:
      raise errors.UserError(
        f"search.rollout_rows: {self.rollout_rows} with {self.num_rows} rows"
      )

  def num_written(self, max_steps: int) -> int:
    ahead = self.num_rows * self.rollout_steps  # of one leaf, then forgotten
    return super().num_written(max_steps) + ahead


@dataclasses.dataclass(frozen=True)
class RAP(trees.Tree):
  """See `search.rap`; 4 rows in the paper.

  Attributes:
    weight: of the exploration.
    alpha: weight of the verifier's score in a step's reward.
    unknown: confidence of a state before its first visit.
  """

  METHOD: ClassVar = rap_lib.rap

  num_simulations: int = 10
  weight: float = 1.0
  alpha: float = 0.5
  unknown: float = 0.8

  def __post_init__(self):
    super().__post_init__()
    base.at_least("search.weight", self.weight, 0)
    base.share("search.alpha", self.alpha)
    base.share("search.unknown", self.unknown)


@dataclasses.dataclass(frozen=True)
class MCTSDPO(trees.Tree):
  """See `search.mcts_dpo`.

  Attributes:
    num_moves: commitments to a step; None: one for each step.
    weight: of the prior.
    power: of the length in the prior.
    discount: of what follows a step.
  """

  METHOD: ClassVar = mcts_dpo_lib.mcts_dpo

  num_moves: int | None = None
  weight: float = 1.0
  power: float = 1.25
  discount: float = 1.0

  def __post_init__(self):
    super().__post_init__()
    if self.num_moves is not None:
      base.at_least("search.num_moves", self.num_moves, 1)
    base.at_least("search.weight", self.weight, 0)
    base.at_least("search.power", self.power, 0)
    base.share("search.discount", self.discount)

  def num_written(self, max_steps: int) -> int:
    moves = max_steps if self.num_moves is None else self.num_moves
    return super().num_written(max_steps) * moves


@dataclasses.dataclass(frozen=True)
class IMCTS(trees.Tree):
  """See `search.i_mcts`.

  Attributes:
    weight: of the exploration.
    prior_visits: visits that the verifier's word counts for.
    rollout_steps: steps behind a leaf; 0: none.
    rollout_weight: share of the best score there in the evaluation.
    root_score: score of the prompt; None: its children's average.
  """

  METHOD: ClassVar = i_mcts_lib.i_mcts

  weight: float = 2.0
  prior_visits: float = 0.2
  rollout_steps: int = 0
  rollout_weight: float = 1.0
  root_score: float | None = None

  def __post_init__(self):
    super().__post_init__()
    base.at_least("search.weight", self.weight, 0)
    base.positive("search.prior_visits", self.prior_visits)
    base.at_least("search.rollout_steps", self.rollout_steps, 0)
    base.share("search.rollout_weight", self.rollout_weight)

  def num_written(self, max_steps: int) -> int:
    ahead = self.num_rows * self.rollout_steps  # of one leaf, then forgotten
    return super().num_written(max_steps) + ahead
