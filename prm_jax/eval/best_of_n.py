"""The law of best-of-N over outcomes that can be enumerated.

N draws from p, of which the one with the highest score is returned: the
chance that all N score at most s is F(s)^N. For the rewards and distances of
exact tasks, where nothing has to be sampled.
"""

import math

import numpy as np
from jaxtyping import Float, Num


def law(
  prob: Float[np.ndarray, "y"], scores: Num[np.ndarray, "y"], num: int
) -> Float[np.ndarray, "y"]:
  """P(y) = (F(S(y))^N - F(S(y)-)^N) * p(y) / p(S = S(y)).

  Among equal scores the first draw is returned, hence the last factor.

  Args:
    prob: of each outcome under one draw.
    scores: of each outcome.
    num: N.
  """
  if num < 1:
    raise ValueError(f"N must be positive, got {num}")
  _, level = np.unique(scores, return_inverse=True)
  mass = np.bincount(level, weights=prob)
  upper = np.cumsum(mass)
  lower = np.concatenate([[0.0], upper[:-1]])
  best = upper**num - lower**num
  share = np.divide(best, mass, out=np.zeros_like(mass), where=mass > 0)
  return prob * share[level]


def kl(law: Float[np.ndarray, "y"], prob: Float[np.ndarray, "y"]) -> float:
  """KL(law || prob) in nats; `law` is 0 wherever `prob` is."""
  some = law > 0
  return float(np.sum(law[some] * np.log(law[some] / prob[some])))


def kl_bound(num: int) -> float:
  """log N - (N - 1) / N >= KL (2401.01879), nearly equal if all p are small."""
  return math.log(num) - (num - 1) / num
