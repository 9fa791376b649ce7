"""Choices by difficulty, worked out by hand."""

import numpy as np
import pytest

from prm_jax.eval import compute_optimal


def test_bins_of_equal_size_from_easy_to_hard():
  ease = np.array([0.1, 0.9, 0.5, 0.3, 0.7, 0.2])
  np.testing.assert_array_equal(
    compute_optimal.bins(ease, 3), [2, 0, 1, 1, 0, 2]
  )


def test_equal_problems_share_a_bin_wherever_they_stand():
  ease = np.array([0.0, 0.9, 0.0, 0.5, 0.0, 0.0])
  # The four hardest have mid-rank 4 of 6.
  np.testing.assert_array_equal(
    compute_optimal.bins(ease, 3), [2, 0, 2, 0, 2, 2]
  )
  np.testing.assert_array_equal(compute_optimal.bins(np.zeros(4), 4), [2] * 4)


def test_five_bins_of_many():
  ease = np.random.default_rng(0).random(1000)
  which = compute_optimal.bins(ease)
  assert np.bincount(which).tolist() == [200] * 5
  for harder in range(1, 5):
    assert ease[which == harder].max() < ease[which == harder - 1].min()


def test_halves_cut_every_bin():
  which = np.array([0] * 6 + [1] * 4 + [2] * 3)
  folds = [compute_optimal.halves(which, seed=seed) for seed in range(3)]
  for fold in folds:
    assert [int(fold[which == b].sum()) for b in (0, 1)] == [3, 2]
    assert fold[which == 2].sum() in (1, 2)
  assert not (folds[0] == folds[1]).all()


def test_choice_by_hand():
  which = np.array([0, 0, 0, 0, 1, 1, 1, 1])
  fold = np.array([0, 0, 1, 1, 0, 0, 1, 1])
  accuracy = np.array(
    [
      [1.0, 0.5, 0.5, 0.5, 0.0, 0.0, 0.2, 0.0],
      [0.0, 1.0, 0.6, 0.6, 0.3, 0.1, 0.0, 0.0],
    ]
  )
  found = compute_optimal.choose(accuracy, which, fold)
  # Without fold 0 the second is better on easy problems and worse on hard
  # ones; without fold 1 it is the other way round.
  np.testing.assert_array_equal(found.table, [[1, 0], [0, 1]])
  np.testing.assert_array_equal(found.strategy, [1, 1, 0, 0, 0, 0, 1, 1])
  np.testing.assert_allclose(found.value, [0, 1, 0.5, 0.5, 0, 0, 0, 0])


def test_nothing_is_learnt_from_the_fold_that_is_measured():
  rng = np.random.default_rng(1)
  which, fold = rng.integers(0, 3, 60), rng.integers(0, 2, 60)
  accuracy = rng.random((4, 60))
  found = compute_optimal.choose(accuracy, which, fold)
  changed = accuracy.copy()
  changed[:, fold == 0] = rng.random((4, int((fold == 0).sum())))
  again = compute_optimal.choose(changed, which, fold)
  np.testing.assert_array_equal(found.table[0], again.table[0])
  assert (found.table[1] != again.table[1]).any()


def test_strategies_that_cross_are_told_apart():
  """One is right on easy problems, one on hard: the choice is on all."""
  ease = np.linspace(0, 1, 40)
  accuracy = np.stack([ease > 0.5, ease <= 0.5]).astype(float)
  which = compute_optimal.bins(ease, 4)
  found = compute_optimal.choose(accuracy, which, compute_optimal.halves(which))
  assert found.value.mean() == 1
  assert accuracy.mean(axis=1).max() == 0.5
  np.testing.assert_array_equal(
    compute_optimal.by_bin(accuracy, which), [[1, 1, 0, 0], [0, 0, 1, 1]]
  )


def test_one_bin_is_the_best_overall():
  accuracy = np.array([[0.1] * 6, [0.3] * 6, [0.3] * 6])
  which = np.zeros(6, int)
  found = compute_optimal.choose(accuracy, which, np.arange(6) % 2)
  np.testing.assert_array_equal(found.strategy, 1)  # the first of equals


def test_a_bin_that_the_other_fold_lacks():
  accuracy = np.array([[0.0, 0.4, 0.0, 0.0], [1.0, 0.0, 0.0, 1.0]])
  which, fold = np.array([0, 1, 0, 0]), np.array([0, 0, 1, 1])
  found = compute_optimal.choose(accuracy, which, fold)
  assert found.table[0].tolist() == [1, 1]  # bin 1 is only in fold 0
  means = compute_optimal.by_bin(accuracy, np.array([0, 2, 0, 0]))
  assert np.isnan(means[:, 1]).all()


def test_one_fold_is_no_validation():
  with pytest.raises(ValueError, match="two folds"):
    compute_optimal.choose(np.zeros((2, 3)), np.zeros(3, int), np.zeros(3, int))
