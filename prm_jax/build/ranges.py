"""Which scores are probabilities, and which methods ask for such.

Odds and logarithms of other scores would be those of a number cut off at 0
and 1: every row would weigh the same, and nothing would tell.
"""

from prm_jax.build.methods import base, groups, particles, speculative
from prm_jax.models import combined, lm, reads

# Fields of methods, and their values that take logarithms or odds of scores.
_FIELDS = {
  "aggregate": (
    *("product", "geometric_mean"),
    *("sum_logit", "mean_logit", "mean_odd"),
  ),
  "judge": ("corrected",),
}
_OWN_FIELDS: dict[type, tuple[str, tuple[str, ...]]] = {
  particles.Tilted: ("potential", ("last", "odds", "difference")),
  groups.SVDD: ("value", ("log", "logit")),
  speculative.RewardGuided: ("weight", ("score",)),
}


def wanted_by(method: base.MethodConfig) -> str:
  """The field by which a method asks for probabilities; "" if it does not."""
  values = vars(method)
  every = list(_FIELDS.items())
  every += [own for cls, own in _OWN_FIELDS.items() if isinstance(method, cls)]
  for name, asking in every:
    if values.get(name) in asking:
      return f"search.{name}"
  # The scores are the twist.
  is_twisted = isinstance(method, particles.TwistedSMC)
  return "search.method" if is_twisted else ""


def of_model(model: lm.Model) -> bool:
  """Whether a value head says probabilities."""
  return model.config.value_link not in ("raw", "tanh", "embedding")


def is_probability(reading: reads.Reading) -> bool:
  """Whether all scores lie between 0 and 1."""
  if isinstance(reading, reads.Values):
    return of_model(reading.model)
  if isinstance(reading, combined.Ensemble):
    return all(map(is_probability, reading.members))
  return not isinstance(
    reading, reads.LogRatios | combined.Differences | combined.Advantages
  )
