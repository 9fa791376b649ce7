"""The law of best-of-N: golden numbers of the toy, and all draws of three."""

import itertools

import numpy as np
import pytest

from prm_jax.eval import best_of_n
from tests.search import tabular

SOLUTIONS = tabular.solutions()
PROB = np.array([s.prob for s in SOLUTIONS])
SCORE = np.array([s.scores[-1] for s in SOLUTIONS])
CORRECT = np.array([s.correct for s in SOLUTIONS])


@pytest.mark.parametrize(
  ("num", "correct", "score", "kl"),
  [
    (1, 0.17025858, 0.15606387, 0.0),
    (2, 0.29197170, 0.18556916, 0.169289),
    (4, 0.45167559, 0.23409277, 0.571197),
    (16, 0.57427220, 0.41183043, 1.763770),
  ],
)
def test_goldens_of_the_toy(num, correct, score, kl):
  law = best_of_n.law(PROB, SCORE, num)
  assert law.sum() == pytest.approx(1)
  assert law @ CORRECT == pytest.approx(correct, abs=1e-8)
  assert law @ SCORE == pytest.approx(score, abs=1e-8)
  assert best_of_n.kl(law, PROB) == pytest.approx(kl, abs=1e-6)


@pytest.mark.parametrize(
  ("num", "bound"), [(1, 0.0), (2, 0.193147), (4, 0.636294), (16, 1.835089)]
)
def test_bound_of_the_distance(num, bound):
  assert best_of_n.kl_bound(num) == pytest.approx(bound, abs=1e-6)
  law = best_of_n.law(PROB, SCORE, num)
  assert best_of_n.kl(law, PROB) <= best_of_n.kl_bound(num) + 1e-12


def test_the_bound_is_reached_by_many_small_outcomes():
  prob = np.full(100_000, 1e-5)
  law = best_of_n.law(prob, np.arange(100_000), 8)
  assert best_of_n.kl(law, prob) == pytest.approx(
    best_of_n.kl_bound(8), abs=1e-3
  )


def test_all_draws_with_ties():
  prob, scores = np.array([0.5, 0.2, 0.3, 0.0]), np.array([1, 2, 2, 3])
  expected = np.zeros(4)
  for draw in itertools.product(range(4), repeat=3):
    best = max(draw, key=lambda y: scores[y])  # the first of equals
    expected[best] += prob[list(draw)].prod()
  np.testing.assert_allclose(best_of_n.law(prob, scores, 3), expected)


def test_no_draw():
  with pytest.raises(ValueError, match="got 0"):
    best_of_n.law(PROB, SCORE, 0)
