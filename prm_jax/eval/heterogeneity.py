"""When selecting by a verifier beats imitating correct solutions.

Imitation repeats the correct solutions of the policy as they come and gets
their mean reward; selection takes the best of N. The gap between the two is
large where the correct solutions of one problem differ in reward (say, in
length) and where rewards well above their mean are not too rare: the two
conditions of arXiv 2502.12118. Here both sides are exact for one problem's
solutions with known rewards, which are all there are (`prob` is their law) or
a sample (`prob` is 1 / n).
"""

import numpy as np
from jaxtyping import Bool, Float, Num

from prm_jax.eval import best_of_n

Law = Float[np.ndarray, "y"]
Rewards = Num[np.ndarray, "y"]
Correct = Bool[np.ndarray, "y"]


def heterogeneity(prob: Law, rewards: Rewards, correct: Correct) -> float:
  """Variance of the reward over correct solutions; 0 where there are none."""
  weights = _given(prob, correct)
  mean = weights @ rewards
  return float(weights @ (rewards - mean) ** 2)


def anti_concentration(prob: Law, rewards: Rewards, c: float = 1.0) -> float:
  """P(R >= E[R] + c * sd(R)) under the policy.

  Args:
    prob: of each solution.
    rewards: of each solution.
    c: standard deviations above the mean.
  """
  mean = prob @ rewards
  deviation = np.sqrt(prob @ (rewards - mean) ** 2)
  # Equality counts, whatever the rounding.
  bound = mean + c * deviation
  return float(prob @ ((rewards > bound) | np.isclose(rewards, bound)))


def imitation(prob: Law, rewards: Rewards, correct: Correct) -> float:
  """E[R | correct]: fine-tuned on the policy's correct solutions, to the end.

  With few examples this is still the expectation over examples: the value is
  linear in what was copied. 0 where there is nothing to copy.
  """
  return float(_given(prob, correct) @ rewards)


def selection(
  prob: Law, rewards: Rewards, scores: Num[np.ndarray, "y"], num: int
) -> float:
  """E[R] of the best of N by the verifier's scores."""
  return float(best_of_n.law(prob, scores, num) @ rewards)


def _given(prob: Law, correct: Correct) -> np.ndarray:
  """The law of correct solutions."""
  mass = np.where(correct, prob, 0)
  return mass / max(mass.sum(), np.finfo(float).tiny)
