"""Intervals of functions of sums over problems, such as an F1 of counts.

Problems are resampled as in `bootstrap`: what a problem adds to each sum is a
row of a table, and a draw of problems weighs the rows. Each stratum (a subset
of a benchmark, say) is a table of its own, resampled by itself.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from prm_jax.eval import bootstrap

# `(*totals) -> statistics`: one argument [..., m] per stratum, to [...]; called
# with [m] for the value and with [r, m] for the draws.
Function = Callable[..., Any]


def interval(
  function: Function,
  *strata: Shaped[np.ndarray, "_ m"],
  seed: int = 0,
  num_resamples: int = bootstrap.NUM_RESAMPLES,
  level: float = bootstrap.LEVEL,
) -> bootstrap.Interval:
  """The function of all problems, and where it would be on others.

  Args:
    function: of the totals.
    *strata: [problems, m] what each problem adds to each of m sums.
    seed: of the draws.
    num_resamples: draws.
    level: coverage.
  """
  value, draws = _draw(function, strata, seed, num_resamples)
  return bootstrap.Interval(value, *bootstrap.percentiles(draws, level))


def comparison(
  function: Function,
  *strata: Shaped[np.ndarray, "_ m"],
  seed: int = 0,
  num_resamples: int = bootstrap.NUM_RESAMPLES,
  level: float = bootstrap.LEVEL,
) -> bootstrap.Comparison:
  """As `interval`, for a function that is a paired difference."""
  value, draws = _draw(function, strata, seed, num_resamples)
  against = float(np.mean(draws <= 0))
  bounds = bootstrap.percentiles(draws, level)
  return bootstrap.Comparison(value, *bounds, against)


def by_problem(
  problems: Sequence[Any], values: Shaped[np.ndarray, "n m"]
) -> Float[np.ndarray, "g m"]:
  """Sums of the rows of each problem: a stratum.

  Args:
    problems: [n] any label of the problem of each row.
    values: [n, m].
  """
  known: dict[Any, int] = {}
  which = [known.setdefault(label, len(known)) for label in problems]
  sums = np.zeros((len(known), values.shape[1]))
  np.add.at(sums, which, values)
  return sums


def _draw(
  function: Function,
  strata: Sequence[np.ndarray],
  seed: int,
  num_resamples: int,
) -> tuple[float, Float[np.ndarray, "r"]]:
  """The value, and that on every draw of each stratum's problems."""
  if not strata or not all(len(stratum) for stratum in strata):
    raise ValueError("no problem to resample")
  totals = []
  for index, stratum in enumerate(strata):
    rng = np.random.default_rng([seed, index])
    counts = bootstrap.draw_counts(len(stratum), num_resamples, rng)
    totals.append(np.concatenate([own @ stratum for own in counts]))
  value = float(function(*(stratum.sum(0) for stratum in strata)))
  return value, np.asarray(function(*totals), float)
