"""How the answer is chosen among a search's rows, as a config."""

import dataclasses
import functools
from typing import Literal

from prm_jax import errors
from prm_jax.search import votes


@dataclasses.dataclass(frozen=True)
class Vote:
  """See `search.votes`.

  Attributes:
    rule: "naive" takes the best row with an answer.
    missing: what rows without an answer do.
    power: of the ranks of "borda".
    threshold: confidence at which "adaptive" stops.
  """

  rule: Literal["naive", "majority", "weighted", "borda", "adaptive"] = (
    "weighted"
  )
  missing: Literal["exclude", "group"] = "exclude"
  power: float = 0.5
  threshold: float = 0.95

  def __post_init__(self):
    if not 0 <= self.power < float("inf"):
      raise errors.UserError(
        f"vote.power: must be at least 0, got {self.power}"
      )
    if not 0.5 < self.threshold <= 1:
      raise errors.UserError(
        f"vote.threshold: must be above 1/2 and at most 1, got {self.threshold}"
      )

  def bind(self) -> votes.Rule:
    """`(answers, scores) -> rows`; "majority", "adaptive" ignore scores."""
    missing = self.missing
    if self.rule == "majority":
      return lambda answers, _: votes.majority(answers, missing=missing)
    if self.rule == "adaptive":
      vote = functools.partial(votes.adaptive, threshold=self.threshold)
      return lambda answers, _: vote(answers, missing=missing).chosen
    if self.rule == "borda":
      return functools.partial(votes.borda, power=self.power, missing=missing)
    found = votes.naive if self.rule == "naive" else votes.weighted
    return functools.partial(found, missing=missing)
