"""Maps to probabilities: the true temperature, the nearest monotone map."""

import numpy as np
import pytest

from prm_jax.eval import posthoc


def test_the_temperature_is_found():
  """Shares for outcomes, so that the optimum is exact."""
  logits = np.linspace(-4, 4, 41)
  truth = 1 / (1 + np.exp(-logits))
  for t in (0.5, 1.0, 3.0):
    scores = 1 / (1 + np.exp(-logits * t))
    fitted = posthoc.fit("temperature", scores, truth)
    assert fitted.temperature == pytest.approx(t, rel=1e-4)
    np.testing.assert_allclose(fitted(scores), truth, atol=1e-4)


def test_the_isotonic_map_pools_what_falls():
  """By hand: 0.8 and 0.2 are averaged, equal scores are one."""
  scores = np.array([0.1, 0.3, 0.5, 0.7, 0.7])
  outcomes = np.array([0.0, 0.8, 0.2, 1.0, 0.8])
  fitted = posthoc.fit("isotonic", scores, outcomes)
  np.testing.assert_allclose(fitted(scores), [0, 0.5, 0.5, 0.9, 0.9])
  between = fitted(np.array([0.0, 0.2, 0.4, 0.6, 1.0]))
  np.testing.assert_allclose(between, [0, 0.25, 0.5, 0.7, 0.9])
  assert len(fitted.knots) == 4


def test_maps_keep_the_order_and_lower_the_loss():
  rng = np.random.default_rng(0)
  truth = rng.random(2000)
  outcomes = (rng.random(2000) < truth).astype(float)
  scores = truth**3
  for method in ("temperature", "isotonic"):
    found = posthoc.fit(method, scores, outcomes)(scores)
    assert (np.diff(found[np.argsort(scores)]) >= 0).all()
    before, after = ((x - truth) ** 2 for x in (scores, found))
    assert after.mean() < before.mean()


def test_nothing_to_fit_is_refused():
  with pytest.raises(ValueError, match="nothing to fit"):
    posthoc.fit("isotonic", np.zeros(0), np.zeros(0))
