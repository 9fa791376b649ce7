"""Search methods at a budget of rows: what is run under which name.

`rows` is the budget in whole solutions. Methods that keep a set of rows have
so many. Tree searches have CHILDREN children per node and as many simulations
as make up the steps of so many solutions: rows x max_steps / CHILDREN.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import ml_collections

from prm_jax.build import searches
from prm_jax.build.methods import base, trees
from prm_jax.configs import search_methods

CHILDREN = 4  # also M of the methods that have groups, as DVTS by default
# Tokens after which early rejection looks; the paper's 64 outlast a step.
TAU_RESULT = 5  # `13 - 9 = 4`
TAU_OPERANDS = 3  # `13 - 9`


class Variant(NamedTuple):
  """A method with hyper-parameters other than its defaults."""

  method: str  # of `build.searches.METHODS`
  changes: Mapping[str, Any] = {}
  width: Callable[[int], int] | None = None  # of the rows; None: the default
  guided: bool = True  # by the verifier; else by a majority vote


def _quarter(rows: int) -> int:
  return rows // CHILDREN


_AHEAD = {"lookahead": 1}
_DIFFERENCE = {"potential": "difference", "resample": "always"}

VARIANTS: dict[str, Variant] = {
  "majority": Variant("best_of_n", guided=False),
  "best_of_n": Variant("best_of_n"),
  "step_beam": Variant("step_beam"),
  "particle": Variant("particle"),
  "particle_difference": Variant("particle", _DIFFERENCE),
  "dvts": Variant("dvts"),
  "early_rejection": Variant("early_rejection", {"tau": TAU_RESULT}),
  "step_beam_quarter": Variant("step_beam", width=_quarter),
  "early_rejection_quarter": Variant(
    "early_rejection", {"tau": TAU_RESULT}, width=_quarter
  ),
  "earlier_rejection": Variant("early_rejection", {"tau": TAU_OPERANDS}),
  "earlier_rejection_quarter": Variant(
    "early_rejection", {"tau": TAU_OPERANDS}, width=_quarter
  ),
  "rebase": Variant("rebase"),
  "svdd": Variant("svdd", {"branch": CHILDREN}),
  "sbs": Variant("sbs"),
  "token_beam": Variant("token_beam"),
  "mcts": Variant("mcts"),
  "gumbel_mcts": Variant("gumbel_mcts"),
  "step_beam_ahead": Variant("step_beam", _AHEAD),
  "dvts_ahead": Variant("dvts", _AHEAD),
  "step_beam_distinct": Variant("step_beam", {"distinct": True}),
  "reward_guided": Variant("reward_guided"),
  "reward_guided_score": Variant("reward_guided", {"weight": "score"}),
}


def names() -> list[str]:
  """All variants, and methods without one as they are by default."""
  used = {variant.method for variant in VARIANTS.values()}
  return [*VARIANTS, *(name for name in searches.METHODS if name not in used)]


def variant(name: str) -> Variant:
  return VARIANTS[name] if name in VARIANTS else Variant(name)


def bind(name: str, rows: int, max_steps: int) -> base.MethodConfig:
  """The method's config at a budget.

  Raises:
    UserError: the method does not exist for so many rows.
  """
  found = variant(name)
  changes: dict[str, Any] = {"num_rows": rows, **found.changes}
  if found.width is not None:
    changes["width"] = found.width(rows)
  if is_tree(found.method):
    changes |= {
      "num_rows": CHILDREN,
      "num_simulations": rows * max_steps // CHILDREN,
    }
  group = ml_collections.ConfigDict(search_methods.get(found.method))
  return searches.method(group, **changes)


def is_tree(method: str) -> bool:
  return issubclass(searches.METHODS[method], trees.Tree)
