"""The truth against the proxy as best-of-N grows (arXiv 2210.10760).

With d the root of the KL divergence from the policy, best-of-N follows
gold = d (a - b d) and RL gold = d (a - b log d), both less the gold of the
policy itself.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Num

from prm_jax.eval import accuracy, best_of_n, bootstrap


class Curve(NamedTuple):
  """One point per N; intervals over problems."""

  num: tuple[int, ...]
  kl: np.ndarray  # nats: log N - (N - 1) / N
  proxy: tuple[bootstrap.Interval, ...]
  gold: tuple[bootstrap.Interval, ...]


class Fit(NamedTuple):
  a: float
  b: float


def curve(
  proxy: Num[np.ndarray, "p n"],
  gold: Num[np.ndarray, "p n"],
  nums: Sequence[int],
  *,
  seed: int = 0,
  num_resamples: int = bootstrap.NUM_RESAMPLES,
) -> Curve:
  """Expected proxy and gold of the best of N by the proxy, without bias.

  Over all N-subsets of the samples, in closed form.

  Args:
    proxy: scores that select.
    gold: what is meant; correctness, say.
    nums: N, each at most the number of samples.
    seed: of the bootstrap.
    num_resamples: of the bootstrap.
  """

  def of(values: np.ndarray, num: int) -> bootstrap.Interval:
    best = accuracy.best_of_k(proxy, values, num)
    return bootstrap.mean(best, seed=seed, num_resamples=num_resamples)

  return Curve(
    tuple(nums),
    np.array([best_of_n.kl_bound(num) for num in nums], float),
    tuple(of(proxy, num) for num in nums),
    tuple(of(gold, num) for num in nums),
  )


def fit_best_of_n(
  kl: Float[np.ndarray, "m"], gain: Float[np.ndarray, "m"]
) -> Fit:
  """Least squares of gain = d (a - b d), d = sqrt(kl).

  Args:
    kl: nats, at least two of them positive and different.
    gain: gold less the gold at KL 0.
  """
  d = np.sqrt(kl)
  return _least_squares(d, -(d**2), gain)


def fit_rl(kl: Float[np.ndarray, "m"], gain: Float[np.ndarray, "m"]) -> Fit:
  """Least squares of gain = d (a - b log d), d = sqrt(kl), kl > 0."""
  d = np.sqrt(kl)
  return _least_squares(d, -d * np.log(d), gain)


def peak(fit: Fit) -> float:
  """KL at which best-of-N is at its best: (a / 2b)^2; inf where b <= 0."""
  return (fit.a / (2 * fit.b)) ** 2 if fit.b > 0 else float("inf")


def _least_squares(first, second, gain) -> Fit:
  table = np.stack([first, second], axis=1)
  if np.linalg.matrix_rank(table) < 2:
    raise ValueError("a and b take two different KL above 0")
  found = np.linalg.lstsq(table, gain, rcond=None)[0]
  return Fit(float(found[0]), float(found[1]))
