"""The numbers of calibration, for any benchmark that has outcomes."""

import numpy as np

from prm_jax.eval import bootstrap, calibration, totals
from prm_jax.eval.benchmarks import base

RELIABILITY = "reliability"
_NUM_NULL = 200
_ONE_KIND = "all outcomes are the same"
# Of probabilities alone.
_NUMBERS = (
  *("ece", "ece_of_calibrated", "ece_equal_width", "ece_balanced", "mce"),
  *("ks", "nll", "brier", "brier_reliability", "brier_resolution"),
  "brier_uncertainty",
)
_RANKED = {"auroc": calibration.auroc, "auprc": calibration.auprc}


def measures(
  name: str,
  predicted: np.ndarray,
  outcomes: np.ndarray,
  problems: list[str],
  resampling: base.Resampling,
  num_bins: int = calibration.NUM_BINS,
) -> list[base.Measure]:
  """ECE and its null, MCE, KS, Brier and its parts, NLL, AUROC, AUPRC.

  Scores outside [0, 1] are no probabilities: what orders them is measured
  alone, the others are undefined.

  Args:
    name: of the rows.
    predicted: [n] scores, at least one.
    outcomes: [n] of 0 and 1.
    problems: [n], resampled for the intervals of Brier score and AUROC.
    resampling: of the intervals.
    num_bins: of reliability.
  """
  n = len(predicted)
  ranked = [
    base.Measure(
      name, key, function(predicted, outcomes), n=n, reason=_ONE_KIND
    )
    for key, function in _RANKED.items()
  ]
  ranked.append(base.Measure(name, "base_rate", float(np.mean(outcomes)), n=n))
  if predicted.min() < 0 or predicted.max() > 1:
    reason = "scores outside [0, 1] are no probabilities"
    return [*ranked, *(base.undefined(name, m, reason, n) for m in _NUMBERS)]
  mass = calibration.equal_mass_bins(predicted, num_bins)
  width = calibration.equal_width_bins(predicted, num_bins)
  parts = calibration.decomposition(predicted, outcomes, width)
  null = calibration.resampling_null(
    predicted,
    lambda p, y: calibration.expected_error(p, y, mass),
    seed=resampling.seed,
    num_draws=_NUM_NULL,
  )
  numbers = {
    "ece": calibration.expected_error(predicted, outcomes, mass),
    "ece_of_calibrated": float(null.mean()),
    "ece_equal_width": calibration.expected_error(predicted, outcomes, width),
    "ece_balanced": calibration.balanced_error(predicted, outcomes, width),
    "mce": calibration.maximum_error(predicted, outcomes, mass),
    "ks": calibration.kolmogorov_smirnov_error(predicted, outcomes),
    "nll": calibration.log_loss(predicted, outcomes),
    "brier_reliability": parts.reliability,
    "brier_resolution": parts.resolution,
    "brier_uncertainty": parts.uncertainty,
  }
  found = [
    base.Measure(name, key, value, n=n, reason=_ONE_KIND)
    for key, value in numbers.items()
  ]
  brier = base.measured(
    name, "brier", _brier(predicted, outcomes, problems, resampling), n
  )
  points = calibration.reliability(predicted, outcomes, width)
  diagram = [
    base.Measure(name, RELIABILITY, y, low, high, int(size), x)
    for x, y, size, low, high in zip(*points, strict=True)
  ]
  return [*ranked, brier, *found, *diagram]


def _brier(predicted, outcomes, problems, resampling) -> bootstrap.Interval:
  table = np.stack([(predicted - outcomes) ** 2, np.ones(len(predicted))], 1)
  return totals.interval(
    lambda t: t[..., 0] / t[..., 1],
    totals.by_problem(problems, table),
    **resampling.options,
  )
