"""Votes over subsets against the closed forms and plain enumeration."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.eval import accuracy, subsets
from prm_jax.search import votes


def make_samples(seed, num_problems=5, num_samples=7):
  rng = np.random.default_rng(seed)
  ids = rng.integers(-1, 3, (num_problems, num_samples)).astype(np.int32)
  scores = rng.permuted(
    np.tile(np.arange(num_samples) / 8, (num_problems, 1)), axis=1
  )
  return ids, scores, ids == 1


def test_few_subsets_are_enumerated():
  found = subsets.draw(5, 3)
  assert {tuple(s) for s in found} == set(itertools.combinations(range(5), 3))
  assert len(found) == 10


def test_many_subsets_are_drawn_in_order():
  found = subsets.draw(12, 5, most=50, seed=3)
  assert found.shape == (50, 5)
  assert (np.diff(found, axis=1) > 0).all()
  assert (found == subsets.draw(12, 5, most=50, seed=3)).all()
  # Every sample is in 5 of 12 subsets, on average.
  many = subsets.draw(12, 5, most=700, seed=3)
  share = np.bincount(many.ravel(), minlength=12) / 700
  error = np.sqrt(5 / 12 * 7 / 12 / 700)
  assert (np.abs(share - 5 / 12) < 4.5 * error).all()


@pytest.mark.parametrize("k", [1, 3, 7])
def test_best_row_is_the_closed_form(k):
  ids, scores, correct = make_samples(k)
  rule = lambda answers, scores: votes.naive(answers, scores, missing="group")
  found = subsets.vote(rule, ids, scores, correct, subsets.draw(7, k))
  np.testing.assert_allclose(found, accuracy.best_of_k(scores, correct, k))


@pytest.mark.parametrize("k", [2, 4])
def test_weighted_vote_over_all_subsets(k):
  ids, scores, correct = make_samples(10 + k)
  some = subsets.draw(7, k)
  found = subsets.vote(votes.weighted, ids, scores, correct, some)
  for i in range(len(ids)):
    hits = []
    for subset in itertools.combinations(range(7), k):
      totals = {}
      for n in subset:
        if ids[i, n] >= 0:
          totals[ids[i, n]] = totals.get(ids[i, n], 0) + scores[i, n]
      hits.append(bool(totals) and max(totals, key=totals.get) == 1)
    assert found[i] == pytest.approx(np.mean(hits))


def test_the_first_k_of_one_run():
  ids, scores, correct = make_samples(0)
  found = subsets.vote(votes.weighted, ids, scores, correct, np.arange(4)[None])
  chosen = votes.weighted(
    jnp.asarray(ids[:, :4]), jnp.asarray(scores[:, :4], jnp.float32)
  )
  np.testing.assert_array_equal(found, correct[np.arange(5), chosen])


def test_k_outside_the_samples():
  with pytest.raises(ValueError, match="k is 8"):
    subsets.draw(7, 8)
