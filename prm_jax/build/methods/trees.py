"""Methods that grow a tree of steps; the rows are the children of a node."""

import dataclasses
import functools
import importlib.util
from collections.abc import Callable
from typing import Any, ClassVar, Literal

from prm_jax import errors
from prm_jax.build.methods import base
from prm_jax.decode import state
from prm_jax.search import aggregate as aggregate_lib
from prm_jax.search import base as search_base
from prm_jax.search import best_first as best_first_lib
from prm_jax.search import gumbel as gumbel_lib
from prm_jax.search import mcts as mcts_lib
from prm_jax.search import tree_frontier, tree_priors


@dataclasses.dataclass(frozen=True)
class Tree:
  """What all tree searches have.

  Attributes:
    num_rows: N, children of a node, all written at once; and solutions.
    num_simulations: visits of leaves; in a best-first search, rounds.
    distinct: equal children share a branch.
    choose: the solution returned: "principal", what the search stands for,
      or the best finished row by "score".
    aggregate: step scores to one score: see `search.aggregate`.
  """

  METHOD: ClassVar[Callable[..., search_base.SearchOutput]]

  num_rows: int
  num_simulations: int = 16
  distinct: bool = True
  choose: Literal["principal", "score"] = "principal"
  aggregate: str = "last"

  def __post_init__(self):
    base.at_least("search.num_rows", self.num_rows, 1)
    base.at_least("search.num_simulations", self.num_simulations, 1)
    aggregate_lib.by_name(self.aggregate)

  def bind(self, max_steps: int, steps: base.StepFactory) -> base.Run:
    base.at_least("max_steps", max_steps, 1)
    return functools.partial(
      type(self).METHOD,
      step_fn=steps(),
      take_fn=state.load,
      put_fn=state.put,
      max_steps=max_steps,
      same_fn=state.same_text if self.distinct else None,
      choose=self.choose,
      aggregate=aggregate_lib.by_name(self.aggregate),
      **self.options(),
    )

  def num_written(self, max_steps: int) -> int:
    """Steps that are written at most, and kept until the end."""
    del max_steps
    return self.num_rows * self.num_simulations

  def num_pages(
    self, max_steps: int, step_tokens: int, page_tokens: int
  ) -> int:
    """Pages of a problem that always suffice.

    A step has its own, and a copy of the page it began in. Beside the nodes
    there are the rows at work and those read out at the end.
    """
    steps = 1 + self.num_written(max_steps) + 2 * self.num_rows
    return steps * (-(-step_tokens // page_tokens) + 1)

  def options(self) -> dict[str, Any]:
    """The method's own arguments: its fields, save those of all."""
    shared = {field.name for field in dataclasses.fields(Tree)}
    own = dataclasses.fields(self)
    found = {f.name: getattr(self, f.name) for f in own}
    return {
      name: value
      for name, value in found.items()
      if name not in shared or name == "num_simulations"
    }


@dataclasses.dataclass(frozen=True)
class MCTS(Tree):
  """See `search.mcts`.

  Attributes:
    num_moves: commitments to a step, each after `num_simulations`.
    c_init: weight of the prior.
    c_base: visits at which that has grown by log 2.
    q: values relative to "siblings", or "raw".
    prior: see `search.tree_priors`.
    noise_alpha: of the Dirichlet noise at the prompt.
    noise_fraction: its share; 0: none.
    root_score: score of the prompt; None: its children's average.
  """

  METHOD: ClassVar = mcts_lib.mcts

  num_moves: int = 1
  c_init: float = 1.25
  c_base: float = 19652.0
  q: Literal["siblings", "raw"] = "siblings"
  prior: str = "uniform"
  noise_alpha: float = 0.3
  noise_fraction: float = 0.0
  root_score: float | None = None

  def __post_init__(self):
    super().__post_init__()
    base.at_least("search.num_moves", self.num_moves, 1)
    base.at_least("search.c_init", self.c_init, 0)
    base.positive("search.c_base", self.c_base)
    base.positive("search.noise_alpha", self.noise_alpha)
    base.share("search.noise_fraction", self.noise_fraction)
    tree_priors.by_name(self.prior)
    if self.q == "siblings":
      _needs_mctx()

  def num_written(self, max_steps: int) -> int:
    return super().num_written(max_steps) * self.num_moves

  def options(self) -> dict[str, Any]:
    prior = tree_priors.by_name(self.prior)
    return super().options() | {"prior": prior}


@dataclasses.dataclass(frozen=True)
class GumbelMCTS(Tree):
  """See `search.gumbel`.

  Attributes:
    num_considered: candidates halving begins with.
    value_scale: weight of values against logits.
    maxvisit_init: visits that weight begins with.
    gumbel_scale: of the noise.
    prior: see `search.tree_priors`.
    root_score: score of the prompt; None: its children's average.
  """

  METHOD: ClassVar = gumbel_lib.gumbel_mcts

  num_considered: int = 16
  value_scale: float = 0.1
  maxvisit_init: float = 50.0
  gumbel_scale: float = 1.0
  prior: str = "uniform"
  root_score: float | None = None

  def __post_init__(self):
    super().__post_init__()
    base.at_least("search.num_considered", self.num_considered, 1)
    base.at_least("search.value_scale", self.value_scale, 0)
    base.at_least("search.maxvisit_init", self.maxvisit_init, 0)
    base.at_least("search.gumbel_scale", self.gumbel_scale, 0)
    tree_priors.by_name(self.prior)
    _needs_mctx()

  def options(self) -> dict[str, Any]:
    prior = tree_priors.by_name(self.prior)
    return super().options() | {"prior": prior}


@dataclasses.dataclass(frozen=True)
class BestFirst(Tree):
  """See `search.best_first`; N / K children of each of K nodes.

  Attributes:
    perspectives: K names, see `search.tree_frontier`.
    enough: finished solutions that end the search; None: no number does.
  """

  METHOD: ClassVar = best_first_lib.best_first

  choose: Literal["principal", "score"] = "score"
  perspectives: tuple[str, ...] = ("score",)
  enough: int | None = None

  def __post_init__(self):
    super().__post_init__()
    if not self.perspectives:
      raise errors.UserError("search.perspectives: none is given")
    base.divides(
      "the number of search.perspectives",
      len(self.perspectives),
      self.num_rows,
    )
    for name in self.perspectives:
      tree_frontier.by_name(name)
    if self.enough is not None:
      base.at_least("search.enough", self.enough, 1)

  def options(self) -> dict[str, Any]:
    options = super().options()
    return {
      "num_rounds": options["num_simulations"],
      "perspectives": [*map(tree_frontier.by_name, self.perspectives)],
      "enough": self.enough,
    }


def _needs_mctx() -> None:
  if importlib.util.find_spec("mctx") is None:
    raise errors.UserError(
      "search: this method needs the package mctx, which is not installed"
    )
