"""The fixture itself, against published golden numbers, by enumeration."""

import numpy as np
import pytest

from tests.search import reference, tabular

SOLUTIONS = tabular.solutions()
PROB = np.array([s.prob for s in SOLUTIONS])
CORRECT = np.array([s.correct for s in SOLUTIONS])
LAST = np.array([s.scores[-1] for s in SOLUTIONS])


def test_solutions_are_a_distribution():
  assert len(SOLUTIONS) == 31
  assert PROB.sum() == pytest.approx(1)


def test_values():
  assert sum(PROB[CORRECT]) == pytest.approx(0.1702585760)
  assert tabular.value(()) == pytest.approx(0.1702585760)
  values = [tabular.value((token,)) for token in range(3)]
  assert values == pytest.approx([0.255866, 0.648450, 0], abs=1e-6)
  assert tabular.policy(()) == pytest.approx(
    [0.540770, 0.049185, 0.410045], abs=1e-6
  )


@pytest.mark.parametrize(
  ("weight", "normaliser", "correct"),
  [
    (lambda r: np.prod(r), 0.0972768579, 0.0946363478),
    (lambda r: np.prod(r / (1 - r)), 2.5568931876, 0.3001676783),
    (lambda r: r[-1], 0.1560638703, 0.2452004984),
    (lambda r: np.exp(2 * r[-1]), 1.4048275656, 0.1967314397),
  ],
)
def test_tilted_targets(weight, normaliser, correct):
  target = PROB * [weight(np.array(s.scores)) for s in SOLUTIONS]
  assert target.sum() == pytest.approx(normaliser)
  assert target @ CORRECT / target.sum() == pytest.approx(correct)


@pytest.mark.parametrize(
  ("num", "correct", "score", "divergence"),
  [
    (1, 0.17025858, 0.15606387, 0.0),
    (2, 0.29197170, 0.18556916, 0.169289),
    (4, 0.45167559, 0.23409277, 0.571197),
    (16, 0.57427220, 0.41183043, 1.763770),
  ],
)
def test_best_of_n_law(num, correct, score, divergence):
  law = reference.best_of_n_law(num)
  assert law.sum() == pytest.approx(1)
  assert law @ CORRECT == pytest.approx(correct)
  assert law @ LAST == pytest.approx(score)
  kl = law @ np.log(law / PROB)
  assert kl == pytest.approx(divergence, abs=1e-6)
  assert kl <= np.log(num) - (num - 1) / num + 1e-12
