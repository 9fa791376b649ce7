"""Which scores are probabilities, and which methods ask for such.

Odds and logarithms of other scores would be those of a number cut off at 0
and 1: every row would weigh the same, and nothing would tell.
"""

from collections.abc import Callable
from typing import Any

from prm_jax.build.methods import (
  base,
  groups,
  particles,
  speculative,
  tree_papers,
  trees,
)
from prm_jax.models import combined, lm, reads

_LOG_ODDS = ("sum_logit", "mean_logit")  # aggregates
# Fields of methods, and their values that take logarithms or odds of scores.
_FIELDS = {
  "aggregate": (
    *("product", "geometric_mean", "mean_odd"),
    *_LOG_ODDS,
  ),
  "judge": ("corrected",),
}
# Of single methods, the field and whether what it has asks for such scores.
_OWN_FIELDS: dict[type, tuple[str, Callable[[Any], bool]]] = {
  particles.Tilted: (
    "potential",
    lambda name: name in ("last", "odds", "difference"),
  ),
  groups.SVDD: ("value", lambda name: name in ("log", "logit")),
  speculative.RewardGuided: ("weight", lambda name: name == "score"),
  # The score to this power is a factor of rewards, and below 0 it is cut off.
  tree_papers.RAP: ("alpha", lambda power: power > 0),
  # The search ends at a score above the gate.
  tree_papers.RestMCTS: ("gate", lambda gate: gate is not None),
  # [0, 1] is stretched to the scale on which its bonuses are given.
  trees.BestFirst: ("perspectives", lambda names: "swe_search" in names),
}


def wanted_by(method: base.MethodConfig) -> str:
  """The field by which a method asks for probabilities; "" if it does not."""
  values = vars(method)
  for name, asking in _FIELDS.items():
    if values.get(name) in asking:
      return f"search.{name}"
  for cls, (name, is_asking) in _OWN_FIELDS.items():
    if isinstance(method, cls) and is_asking(values[name]):
      return f"search.{name}"
  # The scores are the twist.
  is_twisted = isinstance(method, particles.TwistedSMC)
  return "search.method" if is_twisted else ""


def can_weigh(method: base.MethodConfig, is_probability: bool) -> bool:
  """Whether solutions' scores can be weights of votes: none is below 0.

  Args:
    method: makes them of the steps' scores.
    is_probability: what the latter are.
  """
  return is_probability and vars(method).get("aggregate") not in _LOG_ODDS


def of_model(model: lm.Model) -> bool:
  """Whether a value head says probabilities."""
  return model.config.value_link not in ("raw", "tanh", "embedding")


def is_probability(reading: reads.Reading) -> bool:
  """Whether all scores lie between 0 and 1."""
  if isinstance(reading, reads.Values):
    return of_model(reading.model)
  if isinstance(reading, combined.Ensemble):
    # The lower bound of doubtful ones may be below 0.
    is_bound = reading.pool.form == "lower"
    return not is_bound and all(map(is_probability, reading.members))
  return not isinstance(
    reading, reads.LogRatios | combined.Differences | combined.Advantages
  )
