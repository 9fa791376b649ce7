"""Conformal thresholds: golden ranks, coverage, risk and selection."""

import math

import numpy as np
import pytest

from prm_jax.eval import conformal


def test_golden_quantiles():
  assert conformal.quantile(np.arange(1, 10), 0.1) == 9  # n = 9: the 9th
  assert conformal.quantile(np.arange(1, 9), 0.1) == math.inf  # n = 8
  assert conformal.quantile(np.arange(1, 20)[::-1], 0.1) == 18
  assert conformal.quantile(np.arange(1, 101), 0.5) == 51


def test_golden_risk():
  assert conformal.adjusted_risk(0.1, 20) == pytest.approx(0.142857, abs=1e-6)


def test_coverage():
  """P(next <= q) for n = 19 at 0.1 is 18 / 20."""
  rng = np.random.default_rng(0)
  num = 10_000
  draws = rng.random((num, 20))
  covered = [row[-1] <= conformal.quantile(row[:-1], 0.1) for row in draws]
  assert abs(np.mean(covered) - 0.9) < 3 * math.sqrt(0.09 / num)


def test_risk_control_by_hand():
  """20 points, losses of threshold t: 4, 2 or 1 of them, level 0.15."""
  lost = {0.2: 4, 0.5: 2, 0.9: 1}

  def loss(t):
    return np.arange(20) < lost[t]

  found = conformal.risk_control(loss, np.array([0.9, 0.2, 0.5]), 0.15)
  assert found == 0.5  # 2/20 -> 0.142857
  assert conformal.risk_control(loss, np.array([0.2]), 0.15) == math.inf
  with pytest.raises(ValueError, match="rises"):
    conformal.risk_control(lambda t: np.array([t]), np.array([0.1, 0.2]), 0.5)


def test_share_accepted_in_error_is_at_most_the_level():
  rng = np.random.default_rng(1)
  num, level = 800, 0.2
  errors = 0
  for _ in range(num):
    scores = rng.random(31)
    wrong = rng.random(31) > scores
    threshold = conformal.accept_above(scores[:-1], wrong[:-1], level)
    errors += bool(wrong[-1] and scores[-1] > threshold)
  assert errors / num < level + 4.5 * math.sqrt(level * (1 - level) / num)
  assert errors / num > level - 0.15  # and not by refusing everything


def test_all_is_accepted_where_nothing_is_wrong():
  scores = np.array([0.1, 0.5, 0.9] * 10)
  found = conformal.accept_above(scores, np.zeros(30, bool), 0.1)
  assert found < 0.1


def test_p_values_by_hand():
  calibration = np.array([0.1, 0.5, 0.5, 0.9])
  tested = np.array([0.05, 0.5, 1.0])
  assert conformal.p_values(calibration, tested) == pytest.approx(
    [1 / 5, (1 + 3) / 5, 1]
  )
  half = conformal.p_values(calibration, tested, uniform=np.full(3, 0.5))
  assert half == pytest.approx([0.1, (1 + 1.5) / 5, 0.9])


def test_selection_by_hand():
  """Bounds 0.02, 0.04, ..., 0.1: the third smallest passes, the second not."""
  p = np.array([0.01, 0.5, 0.05, 0.055, 0.9])
  found = conformal.benjamini_hochberg(p, 0.1)
  assert found.tolist() == [True, False, True, True, False]
  assert not conformal.benjamini_hochberg(np.array([0.2, 0.9]), 0.1).any()
  assert not conformal.benjamini_hochberg(np.array([]), 0.1).any()


def test_false_discoveries_stay_at_the_level():
  """Labels 0 or 1, bound 0.5: select what is probably 1."""
  rng = np.random.default_rng(2)
  rates = []
  for _ in range(600):
    label = rng.random(80) < 0.5
    score = rng.normal(np.where(label, 1.5, 0.0))
    # Conformity to "not above the bound": infinitely large for label 1.
    v = np.where(label[:50], np.inf, -score[:50])
    p = conformal.p_values(v, -score[50:], uniform=rng.random(30))
    chosen = conformal.benjamini_hochberg(p, 0.2)
    rates.append(np.sum(chosen & ~label[50:]) / max(chosen.sum(), 1))
  assert np.mean(rates) < 0.2 + 4.5 * np.std(rates) / math.sqrt(len(rates))
