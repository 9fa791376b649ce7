"""Maps from scores to probabilities, fitted on held-out outcomes.

Both keep the order of scores (an isotonic map makes some equal), so that
what is chosen by them stays, and their numbers become probabilities.
"""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import scipy.optimize
import scipy.special
from jaxtyping import Float

Method: TypeAlias = Literal["temperature", "isotonic"]
Values = Float[np.ndarray, "n"]
_WIDEST = 6.0  # |log T|


class Fitted(NamedTuple):
  """See `models.combined.Calibrated`."""

  temperature: float = 1.0
  knots: tuple[tuple[float, float], ...] = ()

  def __call__(self, scores: Values) -> Values:
    """Probabilities of scores in [0, 1]."""
    found = scores.astype(np.float64)
    if self.temperature != 1:
      found = scipy.special.expit(_logits(found) / self.temperature)
    if self.knots:
      at, to = np.array(self.knots).T
      found = np.interp(found, at, to)
    return found

  def to_dict(self) -> Mapping[str, Any]:
    """As it is stored with a verifier."""
    return {"temperature": self.temperature, "knots": list(self.knots)}


def fit(method: Method, scores: Values, outcomes: Values) -> Fitted:
  """The method's map.

  Args:
    method: "temperature" or "isotonic".
    scores: [n] in [0, 1].
    outcomes: [n] 0 or 1, or shares.

  Raises:
    ValueError: no score.
  """
  if not len(scores):
    raise ValueError("nothing to fit a calibration on")
  if method == "temperature":
    return Fitted(temperature=temperature(scores, outcomes))
  return Fitted(knots=isotonic(scores, outcomes))


def temperature(scores: Values, outcomes: Values) -> float:
  """T with the least log loss of sigmoid(logit(score) / T) (1706.04599)."""
  logits = _logits(scores.astype(np.float64))

  def loss(log_t: float) -> float:
    scaled = logits / np.exp(log_t)
    # -y log s(x) - (1 - y) log s(-x) = softplus(x) - y x
    return float(np.mean(np.logaddexp(0, scaled) - outcomes * scaled))

  found = scipy.optimize.minimize_scalar(
    loss, bounds=(-_WIDEST, _WIDEST), method="bounded",
    options={"xatol": 1e-8},
  )  # fmt: skip
  return float(np.exp(found.x))


def isotonic(
  scores: Values, outcomes: Values
) -> tuple[tuple[float, float], ...]:
  """Knots of the nearest map that never falls: block by block, first and last.

  Equal scores have one value, their mean outcome.
  """
  at, which, size = np.unique(scores, return_inverse=True, return_counts=True)
  mean = np.bincount(which, weights=outcomes) / size
  level = scipy.optimize.isotonic_regression(mean, weights=size).x
  ends = np.diff(level, prepend=-1, append=2) != 0
  kept = ends[:-1] | ends[1:]
  return tuple(
    (float(a), float(b)) for a, b in zip(at[kept], level[kept], strict=True)
  )


def _logits(scores: Values) -> Values:
  tiny = np.finfo(np.float32).eps
  return scipy.special.logit(np.clip(scores, tiny, 1 - tiny))
