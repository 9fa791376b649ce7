"""Subset accuracies against the enumeration of all subsets."""

import itertools
from collections import Counter

import numpy as np
import pytest
import scipy.stats

from prm_jax.eval import accuracy
from prm_jax.search import votes
from tests.search import tabular


def subsets(n, k):
  return list(itertools.combinations(range(n), k))


def make_samples(seed, num_samples=7, num_answers=4, silent=0.2):
  rng = np.random.default_rng(seed)
  names = [None, *"abcd"[:num_answers]]
  share = [silent] + [(1 - silent) / num_answers] * num_answers
  which = rng.choice(len(names), size=num_samples, p=share)
  answers = [names[i] for i in which]
  right = {"a", "c"}  # several answers may be correct
  correct = np.array([answer in right for answer in answers])
  return answers, correct


def vote(answers, correct):
  counts = Counter(a for a in answers if a is not None)
  if not counts:
    return 0.0
  most = max(counts.values())
  winners = [a for a, c in counts.items() if c == most]
  good = {a for a, c in zip(answers, correct, strict=True) if c}
  return sum(a in good for a in winners) / len(winners)


def test_pass_at_k_golden():
  correct = np.array([2, 3, 0])
  np.testing.assert_allclose(accuracy.pass_at_k(5, correct, 3), [0.9, 1, 0])
  np.testing.assert_allclose(accuracy.pass_at_k(5, correct, 1), [0.4, 0.6, 0])


@pytest.mark.parametrize("k", [1, 2, 4, 6])
def test_pass_at_k_averages_over_subsets(k):
  counts = np.arange(7)
  found = accuracy.pass_at_k(6, counts, k)
  for c in counts:
    flags = np.arange(6) < c
    exact = np.mean([flags[list(s)].any() for s in subsets(6, k)])
    assert found[c] == pytest.approx(exact)


def test_pass_at_k_is_unbiased():
  n, k, theta = 9, 4, 0.3
  counts = np.arange(n + 1)
  expected = scipy.stats.binom.pmf(counts, n, theta) @ accuracy.pass_at_k(
    n, counts, k
  )
  assert expected == pytest.approx(1 - (1 - theta) ** k)


@pytest.mark.parametrize("k", [1, 2, 3, 5, 6])
def test_best_of_k_averages_over_subsets(k):
  rng = np.random.default_rng(k)
  scores = rng.integers(4, size=(8, 6)).astype(float)  # with ties
  correct = rng.random((8, 6)) < 0.4
  found = accuracy.best_of_k(scores, correct, k)
  for row in range(8):
    chosen = [max(s, key=lambda i: (scores[row, i], -i)) for s in subsets(6, k)]
    assert found[row] == pytest.approx(correct[row, chosen].mean())


def test_best_of_k_limits():
  rng = np.random.default_rng(0)
  scores, correct = rng.random((5, 6)), rng.random((5, 6)) < 0.4
  np.testing.assert_allclose(
    accuracy.best_of_k(scores, correct, 1), correct.mean(1)
  )
  top = correct[np.arange(5), scores.argmax(1)]
  np.testing.assert_allclose(accuracy.best_of_k(scores, correct, 6), top)
  for k in (2, 4):
    np.testing.assert_allclose(
      accuracy.best_of_k(correct.astype(float), correct, k),
      accuracy.pass_at_k(6, correct.sum(1), k),
    )


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("k", [1, 2, 3, 5, 7])
def test_majority_averages_over_subsets(seed, k):
  answers, correct = make_samples(seed)
  exact = np.mean(
    [vote([answers[i] for i in s], correct[list(s)]) for s in subsets(7, k)]
  )
  found = accuracy.majority_at_k([answers], correct[None], k)
  np.testing.assert_allclose(found, [exact], rtol=1e-12)


def test_majority_without_a_vote_is_not_solved():
  found = accuracy.majority_at_k([[None] * 3], np.zeros((1, 3), bool), 2)
  assert found.tolist() == [0]


def test_table_names_every_rule():
  rng = np.random.default_rng(0)
  correct = rng.random((4, 6)) < 0.5
  answers = [["a" if c else "b" for c in row] for row in correct]
  scores = {"tvm": rng.random((4, 6)), "oracle": correct.astype(float)}
  found = accuracy.table(correct, (1, 4), answers=answers, scores=scores)
  assert list(found) == [
    *("pass@1", "maj@1", "prm@1/tvm", "prm@1/oracle"),
    *("pass@4", "maj@4", "prm@4/tvm", "prm@4/oracle"),
  ]
  for name in ("maj@1", "prm@1/tvm", "prm@1/oracle"):
    np.testing.assert_allclose(found[name], found["pass@1"])
  np.testing.assert_allclose(found["prm@4/oracle"], found["pass@4"])


def test_table_of_other_votes():
  rng = np.random.default_rng(1)
  correct = rng.random((4, 6)) < 0.5
  answers = [["a" if c else "b" for c in row] for row in correct]
  scores = {"tvm": np.ones((4, 6)), "oracle": correct.astype(float)}
  found = accuracy.table(
    correct,
    (3,),
    answers=answers,
    scores=scores,
    rules={"weighted": votes.weighted, "naive": votes.naive},
  )
  assert list(found) == [
    *("pass@3", "maj@3", "prm@3/tvm", "weighted@3/tvm", "naive@3/tvm"),
    *("prm@3/oracle", "weighted@3/oracle", "naive@3/oracle"),
  ]
  # Three votes for two answers never tie.
  np.testing.assert_allclose(found["weighted@3/tvm"], found["maj@3"])
  np.testing.assert_allclose(found["weighted@3/oracle"], found["pass@3"])
  np.testing.assert_allclose(found["naive@3/tvm"], found["prm@3/tvm"])


@pytest.mark.parametrize(
  ("k", "golden"), [(1, 0.170259), (2, 0.311529), (4, 0.526008), (8, 0.775332)]
)
def test_pass_at_k_of_the_toy(k, golden):
  """In expectation over 12 samples, exactly: counts are binomial."""
  theta = tabular.value(())
  counts = np.arange(13)
  chance = scipy.stats.binom.pmf(counts, 12, theta)
  assert chance @ accuracy.pass_at_k(12, counts, k) == pytest.approx(
    golden, abs=1e-6
  )


@pytest.mark.parametrize("k", [0, 7])
def test_k_outside_the_samples(k):
  correct = np.zeros((1, 6), bool)
  with pytest.raises(ValueError, match=f"k is {k}"):
    accuracy.pass_at_k(6, correct.sum(1), k)
  with pytest.raises(ValueError, match=f"k is {k}"):
    accuracy.best_of_k(np.zeros((1, 6)), correct, k)
  with pytest.raises(ValueError, match=f"k is {k}"):
    accuracy.majority_at_k([["a"] * 6], correct, k)
