"""CaPE against cross-entropy on single outcomes (2111.10734).

A logistic model sees a signal, which the truth depends on, and a feature of
each example's own, by which it can learn outcomes by heart.
"""

import numpy as np
import pytest
from scipy import special, stats

from prm_jax.eval import calibration
from prm_jax.labelling import empirical

EXAMPLES, EPOCHS, EARLY = 400, 120, 12
PERIOD = (
  6  # with the authors, epochs from one on calibrated targets to the next
)


def train(signal, outcomes, targets_fn, epochs=EPOCHS):
  """Predictions after steps down the loss; `targets_fn(epoch, p, y)`."""
  slope, own = 0.0, np.zeros(EXAMPLES)
  predict = lambda: special.expit(slope * signal + own)
  for epoch in range(epochs):
    slack = targets_fn(epoch, predict(), outcomes) - predict()
    slope += 0.5 * np.mean(slack * signal)
    own += 0.1 * slack
  return predict()


def entropy(epoch, p, y):
  return y


def bins(epoch, p, y):
  return empirical.binned(p, y) if epoch >= EARLY else y


def kernel(epoch, p, y):
  if epoch < EARLY:
    return y
  return empirical.kernel(p, y, num_neighbours=100)


def alternating(epoch, p, y):
  is_theirs = epoch >= EARLY and (epoch - EARLY) % PERIOD == 0
  return empirical.binned(p, y) if is_theirs else y


@pytest.fixture(scope="module")
def runs():
  """(truth, predictions by method) of three draws."""
  found = []
  for seed in range(3):
    rng = np.random.default_rng(seed)
    signal = rng.normal(0, 1.5, EXAMPLES)
    truth = special.expit(signal)
    outcomes = (rng.random(EXAMPLES) < truth).astype(float)
    predicted = {
      fn.__name__: train(signal, outcomes, fn)
      for fn in (entropy, bins, kernel, alternating)
    }
    predicted["early"] = train(signal, outcomes, entropy, EARLY)
    found.append((truth, predicted))
  return found


def kl(p, q):
  return np.mean(special.rel_entr(p, q) + special.rel_entr(1 - p, 1 - q))


def test_nearer_to_the_truth_than_what_learns_by_heart(runs):
  for truth, predicted in runs:
    for error in (
      lambda p, truth=truth: calibration.squared_error(p, truth),
      lambda p, truth=truth: kl(truth, p),
    ):
      found = {name: error(p) for name, p in predicted.items()}
      assert found["bins"] < 0.5 * found["entropy"]
      assert found["kernel"] < 0.5 * found["entropy"]
      assert found["alternating"] < found["entropy"]


def test_brier_scores_rank_as_the_true_error_does(runs):
  """In expectation they differ by E p (1 - p), whatever is predicted."""
  rng = np.random.default_rng(9)
  errors, drawn = [], []
  for truth, predicted in runs:
    outcomes = (rng.random(EXAMPLES) < truth).astype(float)
    for p in predicted.values():
      errors.append(calibration.squared_error(p, truth))
      drawn.append(calibration.squared_error(p, outcomes))
      sides = [
        calibration.squared_error(p, np.full(EXAMPLES, y), w / w.sum())
        * np.mean(w)
        for y, w in ((1.0, truth), (0.0, 1 - truth))
      ]
      noise = np.mean(truth * (1 - truth))
      assert sum(sides) - errors[-1] == pytest.approx(noise, abs=1e-12)
  assert stats.spearmanr(errors, drawn).statistic > 0.9
