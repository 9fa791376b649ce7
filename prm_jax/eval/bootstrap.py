"""Intervals by resampling problems, all samples of a problem together.

Percentile bootstrap (Efron, 1979). The problem is the unit that was drawn at
random, so it is the unit that is drawn again; samples of one problem are not
independent and stay together. Comparisons on the same problems are paired:
both sides see the same draw. Every draw comes from an explicit seed.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import scipy.stats
from jaxtyping import Float, Int, Shaped

NUM_RESAMPLES = 10_000
LEVEL = 0.95
_CHUNK = 1 << 21  # indices drawn at a time: bounds the memory to 16 MB

# [r, n] indices of problems -> [r] statistics.
Statistic = Callable[[np.ndarray], np.ndarray]


class Interval(NamedTuple):
  """A number and where it would be on another draw of problems."""

  value: float
  low: float
  high: float


class Comparison(NamedTuple):
  """A paired difference or ratio.

  `share_against` is the share of the resamples in which the left side is not
  ahead; ties count against it.
  """

  value: float
  low: float
  high: float
  share_against: float


def mean(
  values: Shaped[np.ndarray, "n *k"],
  *,
  seed: int = 0,
  num_resamples: int = NUM_RESAMPLES,
  level: float = LEVEL,
) -> Interval:
  """Mean over problems.

  Args:
    values: [n] one number per problem, or [n, k] k samples of each problem.
    seed: of the draws.
    num_resamples: draws.
    level: coverage.
  """
  values = _per_problem(values)
  draws = _draw(lambda i: values[i].mean(-1), len(values), num_resamples, seed)
  return Interval(float(values.mean()), *percentiles(draws, level))


def seeded_mean(
  values: Shaped[np.ndarray, "s n *k"],
  *,
  seed: int = 0,
  num_resamples: int = NUM_RESAMPLES,
  level: float = LEVEL,
) -> Interval:
  """Mean over training seeds and problems, where both are a random draw.

  Seeds and problems are crossed (every seed is measured on every problem) and
  are resampled independently of each other; with one seed the seed's share of
  the spread cannot be seen and the interval is that of `mean`.

  Args:
    values: [s, n] or [s, n, k] for s seeds.
    seed: of the draws.
    num_resamples: draws.
    level: coverage.
  """
  table = values.reshape(*values.shape[:2], -1).mean(-1)
  num_seeds, num_problems = table.shape
  rng = np.random.default_rng([seed, 1])

  def statistic(problems: np.ndarray) -> np.ndarray:
    seeds = rng.integers(num_seeds, size=(len(problems), num_seeds))
    # A draw of seeds is a vector of counts; likewise one of problems.
    by_problem = _counts(seeds, num_seeds) @ table  # [r, n]
    counts = _counts(problems, num_problems)
    return (by_problem * counts).sum(-1) / (num_seeds * num_problems)

  draws = _draw(statistic, num_problems, num_resamples, seed)
  return Interval(float(table.mean()), *percentiles(draws, level))


def accuracy(
  correct: Shaped[np.ndarray, "n *k"],
  *,
  seed: int = 0,
  num_resamples: int = NUM_RESAMPLES,
  level: float = LEVEL,
) -> Interval:
  """As `mean` for values in [0, 1], with Wilson's interval at 0 and at 1.

  Where no problem (or every problem) was solved all resamples agree and the
  bootstrap would claim certainty.
  """
  values = _per_problem(correct)
  if values.min() < 0 or values.max() > 1:
    raise ValueError("accuracies have to be in [0, 1]")
  if values.max() == 0 or values.min() == 1:
    return wilson(int(values.sum()), len(values), level=level)
  return mean(values, seed=seed, num_resamples=num_resamples, level=level)


def difference(
  left: Shaped[np.ndarray, "n *k"],
  right: Shaped[np.ndarray, "n *m"],
  *,
  seed: int = 0,
  num_resamples: int = NUM_RESAMPLES,
  level: float = LEVEL,
) -> Comparison:
  """Mean of left minus mean of right on the same problems, paired."""
  gaps = _per_problem(left) - _per_problem(right)
  draws = _draw(lambda i: gaps[i].mean(-1), len(gaps), num_resamples, seed)
  against = float(np.mean(draws <= 0))
  return Comparison(float(gaps.mean()), *percentiles(draws, level), against)


def ratio(
  left: Shaped[np.ndarray, "n *k"],
  right: Shaped[np.ndarray, "n *m"],
  *,
  seed: int = 0,
  num_resamples: int = NUM_RESAMPLES,
  level: float = LEVEL,
) -> Comparison:
  """Mean of left over mean of right on the same problems, paired.

  For example a search over pass@1. A draw where only the right side is 0
  counts as infinite, one where both are 0 as 1. Means have to be >= 0.
  """
  above, below = _per_problem(left), _per_problem(right)

  def divide(a, b):
    nothing = np.where(a == 0, 1.0, np.inf)
    return np.where(b == 0, nothing, a / np.where(b == 0, 1, b))

  def statistic(i: np.ndarray) -> np.ndarray:
    return divide(above[i].mean(-1), below[i].mean(-1))

  draws = _draw(statistic, len(above), num_resamples, seed)
  value = float(divide(above.mean(), below.mean()))
  against = float(np.mean(draws <= 1))
  return Comparison(value, *percentiles(draws, level), against)


def statistic(
  function: Callable[..., float],
  *arrays: Shaped[np.ndarray, "n ..."],
  seed: int = 0,
  num_resamples: int = 1_000,
  level: float = LEVEL,
) -> Interval:
  """Any statistic of per-problem arrays, for example an ECE or a tau.

  Args:
    function: `(*arrays) -> float`, called once per draw.
    *arrays: each with the problems on the first axis.
    seed: of the draws.
    num_resamples: draws.
    level: coverage.
  """

  def each(problems: np.ndarray) -> np.ndarray:
    return np.array([function(*(a[i] for a in arrays)) for i in problems])

  draws = _draw(each, len(arrays[0]), num_resamples, seed)
  return Interval(float(function(*arrays)), *percentiles(draws, level))


def wilson(successes: int, total: int, *, level: float = LEVEL) -> Interval:
  """Wilson's score interval of a proportion of independent trials."""
  test = scipy.stats.binomtest(successes, total)
  found = test.proportion_ci(confidence_level=level, method="wilson")
  return Interval(successes / total, float(found.low), float(found.high))


def _per_problem(values: Shaped[np.ndarray, "n *k"]) -> Float[np.ndarray, "n"]:
  """[n] the mean of each problem's samples."""
  if not len(values):
    raise ValueError("no problem to resample")
  return values.reshape(len(values), -1).mean(-1)


def _counts(
  indices: Int[np.ndarray, "r m"], size: int
) -> Int[np.ndarray, "r size"]:
  """How often each of `size` things was drawn in each row."""
  rows = np.arange(len(indices))[:, None] * size
  flat = np.bincount((rows + indices).ravel(), minlength=len(indices) * size)
  return flat.reshape(len(indices), size)


def _chunks(num_problems: int, num_resamples: int) -> Iterator[int]:
  size = max(1, _CHUNK // num_problems)
  for start in range(0, num_resamples, size):
    yield min(size, num_resamples - start)


def _draw(
  statistic: Statistic, num_problems: int, num_resamples: int, seed: int
) -> Float[np.ndarray, "r"]:
  """The statistic on `num_resamples` draws with replacement."""
  rng = np.random.default_rng(seed)
  found = [
    statistic(rng.integers(num_problems, size=(rows, num_problems)))
    for rows in _chunks(num_problems, num_resamples)
  ]
  return np.concatenate(found).astype(float)


def draw_counts(
  num_problems: int, num_resamples: int, rng: np.random.Generator
) -> Iterator[Int[np.ndarray, "r n"]]:
  """How often each problem is in each draw, some draws at a time."""
  for rows in _chunks(num_problems, num_resamples):
    drawn = rng.integers(num_problems, size=(rows, num_problems))
    yield _counts(drawn, num_problems)


def percentiles(
  draws: Float[np.ndarray, "r"], level: float
) -> tuple[float, float]:
  """Order statistics, which unlike interpolation allow infinities."""
  tail = (1 - level) / 2
  low, high = np.quantile(draws, [tail, 1 - tail], method="inverted_cdf")
  return float(low), float(high)
