"""How well predicted probabilities agree with outcomes.

`predicted` [n] are probabilities, `outcomes` [n] are 0 or 1. Where the truth
is itself a probability (an exact value function) `squared_error` and the
ranking measures apply directly; where it is a Monte-Carlo fraction its own
noise has to be taken out first (`monte_carlo_squared_error`).
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import scipy.special
import scipy.stats
from jaxtyping import Float, Int, Num, Shaped

from prm_jax.eval import bootstrap

NUM_BINS = 15

Values = Shaped[np.ndarray, "n"]  # bool, integer or float
Bins = Sequence[np.ndarray]  # indices of the members of each bin


class Decomposition(NamedTuple):
  """Murphy's: the Brier score of the bins' mean predictions.

  reliability - resolution + uncertainty. What binning leaves out is the
  spread of predictions and outcomes within bins (`within`), which is 0 where
  all predictions of a bin are equal; added, it gives the Brier score.
  """

  reliability: float
  resolution: float
  uncertainty: float
  within: float


class Reliability(NamedTuple):
  """One point per non-empty bin of a reliability diagram, all [bins]."""

  predicted: np.ndarray  # mean prediction
  observed: np.ndarray  # mean outcome
  size: np.ndarray  # members
  low: np.ndarray  # Wilson's 95 % interval of `observed`
  high: np.ndarray


def squared_error(
  predicted: Values, truth: Values, weights: Values | None = None
) -> float:
  """Weighted mean of (predicted - truth)^2: the Brier score on outcomes.

  Args:
    predicted: [n] probabilities.
    truth: [n] outcomes, or exact values.
    weights: [n] for example how often the policy visits each prefix.
  """
  return float(np.average((predicted - truth) ** 2, weights=weights))


def log_loss(
  predicted: Values, outcomes: Values, weights: Values | None = None
) -> float:
  """Mean negative log likelihood in nats; infinite for a certain mistake."""
  losses = -scipy.special.xlogy(outcomes, predicted)
  losses -= scipy.special.xlogy(1 - outcomes, 1 - predicted)
  return float(np.average(losses, weights=weights))


def auroc(scores: Values, outcomes: Values) -> float:
  """P(score of a positive > of a negative) + P(equal) / 2.

  NaN where there is only one kind of outcome.
  """
  positive = outcomes == 1
  num_positive = int(positive.sum())
  num_negative = len(outcomes) - num_positive
  if not num_positive or not num_negative:
    return float("nan")
  ranks = scipy.stats.rankdata(scores)[positive].sum()
  wins = ranks - num_positive * (num_positive + 1) / 2
  return float(wins / (num_positive * num_negative))


def auprc(scores: Values, outcomes: Values) -> float:
  """Area under precision over recall, by steps: the average precision.

    sum over thresholds of (recall - recall before) * precision

  Equal scores are one threshold. NaN without a positive outcome.
  """
  num_positive = int(np.sum(outcomes == 1))
  if not num_positive:
    return float("nan")
  order = np.argsort(-scores, kind="stable")
  hits = np.cumsum(outcomes[order] == 1)
  last_of_ties = np.append(np.diff(scores[order]) != 0, True)
  taken = np.flatnonzero(last_of_ties) + 1
  hits = hits[last_of_ties]
  gained = np.diff(hits, prepend=0) / num_positive
  return float(gained @ (hits / taken))


def equal_mass_bins(predicted: Values, num_bins: int = NUM_BINS) -> Bins:
  """Bins of equal size, in the order of the predictions.

  Equal predictions keep their order and may straddle two bins.
  """
  order = np.argsort(predicted, kind="stable")
  return _occupied(np.array_split(order, num_bins))


def equal_width_bins(predicted: Values, num_bins: int = NUM_BINS) -> Bins:
  """Bins of equal width over [0, 1]; 1 belongs to the last."""
  which = np.floor(np.clip(predicted, 0, 1) * num_bins).astype(int)
  which = np.minimum(which, num_bins - 1)
  return _occupied([np.flatnonzero(which == b) for b in range(num_bins)])


def expected_error(
  predicted: Values, outcomes: Values, bins: Bins | None = None
) -> float:
  """ECE: sum over bins of their share times |mean p - mean y|.

  Biased upwards on small samples: see `resampling_null`.

  Args:
    predicted: [n].
    outcomes: [n].
    bins: default 15 of equal mass.
  """
  gaps, counts = _gaps(predicted, outcomes, bins)
  return float((gaps * counts).sum() / counts.sum())


def balanced_error(
  predicted: Values, outcomes: Values, bins: Bins | None = None
) -> float:
  """The unweighted mean over bins of |mean p - mean y| (arXiv 2111.10734).

  Other than `expected_error` where bins differ in size.
  """
  return float(_gaps(predicted, outcomes, bins)[0].mean())


def maximum_error(
  predicted: Values, outcomes: Values, bins: Bins | None = None
) -> float:
  """MCE: the largest |mean p - mean y| of a bin."""
  return float(_gaps(predicted, outcomes, bins)[0].max())


def kolmogorov_smirnov_error(predicted: Values, outcomes: Values) -> float:
  """The bin-free ECE: max_k |sum of (p - y) of the k smallest p| / n.

  Equal predictions are taken together, so that their order is no matter.
  """
  order = np.argsort(predicted, kind="stable")
  sums = np.cumsum((predicted - outcomes)[order])
  last_of_ties = np.append(np.diff(predicted[order]) != 0, True)
  return float(np.abs(sums[last_of_ties]).max() / len(predicted))


def decomposition(
  predicted: Values, outcomes: Values, bins: Bins | None = None
) -> Decomposition:
  """Parts of the Brier score, by bins (default 15 of equal mass)."""
  bins = equal_mass_bins(predicted) if bins is None else bins
  base = np.mean(outcomes)
  calibrated, resolved = 0.0, 0.0
  for members in bins:
    share, observed = len(members) / len(predicted), np.mean(outcomes[members])
    calibrated += share * (np.mean(predicted[members]) - observed) ** 2
    resolved += share * (observed - base) ** 2
  spread = float(base * (1 - base))
  within = squared_error(predicted, outcomes) - calibrated + resolved - spread
  return Decomposition(float(calibrated), float(resolved), spread, within)


def reliability(
  predicted: Values, outcomes: Values, bins: Bins | None = None
) -> Reliability:
  """The points of a reliability diagram, for outcomes of 0 and 1."""
  bins = equal_mass_bins(predicted) if bins is None else bins
  rows = []
  for members in bins:
    hits = int(outcomes[members].sum())
    observed = bootstrap.wilson(hits, len(members))
    center = (predicted[members].mean(), observed.value)
    rows.append((*center, len(members), observed.low, observed.high))
  return Reliability(*(np.array(column) for column in zip(*rows, strict=True)))


def resampling_null(
  predicted: Values,
  metric: Callable[[np.ndarray, np.ndarray], float],
  *,
  seed: int = 0,
  num_draws: int = 1_000,
) -> Float[np.ndarray, "draws"]:
  """What the metric would be if the predictions were perfectly calibrated.

  Outcomes are drawn from the predictions themselves. Report the mean (the
  bias of the metric at this sample size) or a quantile next to the metric.
  """
  rng = np.random.default_rng(seed)
  draws = rng.random((num_draws, len(predicted))) < predicted
  return np.array([metric(predicted, y.astype(float)) for y in draws])


def noise_floor(values: Values, num_samples: Num[np.ndarray, "n"]) -> float:
  """E[v (1 - v) / n]: squared error of a perfect predictor of c / n.

  Args:
    values: [n] true probabilities.
    num_samples: [n] Monte-Carlo samples behind each fraction.
  """
  return float(np.mean(values * (1 - values) / num_samples))


def monte_carlo_squared_error(
  predicted: Values,
  num_correct: Int[np.ndarray, "n"],
  num_total: Int[np.ndarray, "n"],
) -> float:
  """Unbiased estimate of E (p - v)^2 from fractions c / n, n >= 2.

    mean (p - c/n)^2 - (c/n) (1 - c/n) / (n - 1)

  The second term is an unbiased estimate of the noise floor v (1 - v) / n. The
  result may be slightly negative.
  """
  if num_total.min() < 2:
    raise ValueError("noise cannot be estimated from fewer than 2 samples")
  fraction = num_correct / num_total
  noise = fraction * (1 - fraction) / (num_total - 1)
  return float(np.mean((predicted - fraction) ** 2 - noise))


def _occupied(bins: Sequence[np.ndarray]) -> Bins:
  return [members for members in bins if len(members)]


def _gaps(
  predicted: Values, outcomes: Values, bins: Bins | None
) -> tuple[Float[np.ndarray, "bins"], Int[np.ndarray, "bins"]]:
  bins = equal_mass_bins(predicted) if bins is None else bins
  gaps = [abs(np.mean(predicted[m]) - np.mean(outcomes[m])) for m in bins]
  return np.array(gaps, float), np.array([len(m) for m in bins])
