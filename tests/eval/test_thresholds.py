"""Choosing a threshold: against a dense grid, and never on the test split."""

import numpy as np
import pytest

from prm_jax import errors
from prm_jax.eval import processbench, thresholds


def drawn(seed, n=60):
  """Solutions whose scores tell something; some scores are equal."""
  rng = np.random.default_rng(seed)
  scores, labels = [], []
  for _ in range(n):
    k = int(rng.integers(1, 7))
    label = int(rng.integers(-1, k))
    own = rng.beta(4, 2, k)
    if label >= 0:
      own[label:] *= 0.6
    scores.append(np.round(own, 2))  # so that no grid misses a score
    labels.append(label)
  return scores, np.array(labels)


def f1_at(scores, labels, threshold):
  predicted = processbench.first_error(scores, threshold)
  return float(
    processbench.f1_of_totals(processbench.sums(predicted, labels).sum(0))
  )


@pytest.mark.parametrize("seed", range(8))
def test_no_threshold_of_a_dense_grid_is_better(seed):
  scores, labels = drawn(seed)
  found = thresholds.choose(scores, labels)
  grid = [f1_at(scores, labels, t) for t in np.linspace(-0.01, 1.01, 500)]
  assert found.f1 == pytest.approx(max(grid), abs=1e-12)
  assert f1_at(scores, labels, found.threshold) == pytest.approx(found.f1)


def test_only_observed_scores_are_candidates():
  scores, labels = drawn(1)
  observed = np.unique(np.concatenate(scores))
  found = thresholds.choose(scores, labels)
  assert found.threshold in observed
  values = [f1_at(scores, labels, t) for t in observed]
  best = observed[int(np.argmax(values))]
  assert found.threshold == best  # of equal ones the smallest


def test_by_hand():
  """Everything up to 0.4 is wrong: errors at 1 and 0 are found, 0.5 passes."""
  scores = [np.array([0.9, 0.4]), np.array([0.3, 0.2]), np.array([0.8, 0.5])]
  found = thresholds.choose(scores, np.array([1, 0, -1]))
  assert found == (0.4, 1.0)


def test_one_kind_of_solution_is_not_enough():
  scores = [np.array([0.1]), np.array([0.2])]
  with pytest.raises(errors.UserError, match="got 2 and 0"):
    thresholds.choose(scores, np.array([0, 0]))
  with pytest.raises(errors.UserError, match="got 0 and 2"):
    thresholds.choose(scores, np.array([-1, -1]))


def test_mistake_20_a_threshold_is_not_chosen_on_what_is_evaluated():
  held_out = [("p", ("a", "b")), ("q", ("c",))]
  with pytest.raises(errors.UserError, match=r"split 'x'.*1 solutions"):
    thresholds.check_held_out(held_out, [("q", ("c",))], "split 'x'")
  thresholds.check_held_out(held_out, [("q", ("d",))], "split 'x'")
