"""Imitation against selection on laws small enough to do by hand."""

import math

import numpy as np
import pytest

from prm_jax.eval import heterogeneity
from tests.search import tabular

# Wrong, correct but long, correct and short.
PROB = np.array([0.5, 0.375, 0.125])
REWARD = np.array([0.0, 0.4, 0.8])
CORRECT = REWARD > 0


def test_by_hand():
  # Given correct: 3/4 and 1/4, mean 1/2, variance 3/16 * 0.4^2.
  assert heterogeneity.imitation(PROB, REWARD, CORRECT) == pytest.approx(0.5)
  assert heterogeneity.heterogeneity(PROB, REWARD, CORRECT) == pytest.approx(
    0.03
  )
  # E[R] = 0.25, E[R^2] = 0.14, sd = 0.278: only 0.8 is above 0.528.
  assert heterogeneity.anti_concentration(PROB, REWARD) == 0.125
  assert heterogeneity.anti_concentration(PROB, REWARD, c=0.5) == 0.5
  # Best of 2: short with 1 - (7/8)^2, wrong with 1/4.
  best = 0.8 * 15 / 64 + 0.4 * (49 / 64 - 1 / 4)
  found = heterogeneity.selection(PROB, REWARD, REWARD, 2)
  assert found == pytest.approx(best)


def test_one_draw_is_the_policy():
  found = heterogeneity.selection(PROB, REWARD, np.array([3, 1, 2]), 1)
  assert found == pytest.approx(PROB @ REWARD)


def test_equal_rewards_leave_nothing_to_select():
  """Without heterogeneity imitation is the limit of selection."""
  prob, reward = np.array([0.75, 0.15, 0.1]), np.array([0.0, 1.0, 1.0])
  assert heterogeneity.heterogeneity(prob, reward, reward > 0) == 0
  assert heterogeneity.imitation(prob, reward, reward > 0) == pytest.approx(1)
  values = [
    heterogeneity.selection(prob, reward, reward, num) for num in (1, 4, 64)
  ]
  np.testing.assert_allclose(values, [1 - 0.75**n for n in (1, 4, 64)])


def test_the_gap_grows_with_the_spread_of_correct_solutions():
  """Rewards 1/2 +- s, always correct: at N = 2 the gap is s / 2."""
  prob, correct = np.array([0.5, 0.5]), np.array([True, True])
  for spread in (0.1, 0.2, 0.4):
    reward = np.array([0.5 - spread, 0.5 + spread])
    gap = heterogeneity.selection(
      prob, reward, reward, 2
    ) - heterogeneity.imitation(prob, reward, correct)
    assert gap == pytest.approx(spread / 2)
    found = heterogeneity.heterogeneity(prob, reward, correct)
    assert math.sqrt(found) == pytest.approx(spread)
    assert heterogeneity.anti_concentration(prob, reward) == 0.5


def test_a_rare_reward_needs_many_draws():
  """The same variance in one outcome of 100: two draws hardly see it."""
  prob, reward = np.array([0.99, 0.01]), np.array([0.0, 1.0])
  assert heterogeneity.anti_concentration(prob, reward) == pytest.approx(0.01)
  gains = [
    heterogeneity.selection(prob, reward, reward, num) for num in (2, 100)
  ]
  np.testing.assert_allclose(gains, [1 - 0.99**2, 1 - 0.99**100])


def test_on_the_toy_against_plain_sums():
  """Short correct solutions are worth more; the verifier knows, or not."""
  solutions = tabular.solutions()
  prob = np.array([s.prob for s in solutions])
  correct = np.array([s.correct for s in solutions])
  reward = np.array([s.correct * (1 - len(s.tokens) / 5) for s in solutions])
  mass = sum(s.prob for s in solutions if s.correct)
  expected = sum(p * r for p, r in zip(prob, reward, strict=True)) / mass
  found = heterogeneity.imitation(prob, reward, correct)
  assert mass == pytest.approx(0.1702585760)
  assert found == pytest.approx(expected)
  assert heterogeneity.heterogeneity(prob, reward, correct) > 0
  right = [
    heterogeneity.selection(prob, reward, reward, num) for num in (1, 16, 1024)
  ]
  assert right[0] == pytest.approx(mass * expected)
  assert right[0] < right[1] < right[2] <= reward.max() + 1e-12
  assert right[2] == pytest.approx(reward.max(), abs=1e-3)
  # The toy's own verifier prefers (0, 1, 0, 0), which is wrong.
  wrong = np.array([s.scores[-1] for s in solutions])
  assert heterogeneity.selection(prob, reward, wrong, 100_000) < 1e-3


def test_nothing_correct():
  none = np.zeros(3, bool)
  assert heterogeneity.imitation(PROB, REWARD, none) == 0
  assert heterogeneity.heterogeneity(PROB, REWARD, none) == 0
