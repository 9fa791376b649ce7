"""RewardMATH, RewardBench, PRMBench, trajectories: hand-made numbers."""

import numpy as np
import pytest

from prm_jax.eval import prmbench, reward_pairs, rewardmath, trajectories


def test_rank_with_ties_against_the_right_one():
  """0.8 against 0.9, 0.8 and seven of 0.1: rank 3."""
  rejected = [np.array([0.9, 0.8] + [0.1] * 7)]
  assert rewardmath.ranks(np.array([0.8]), rejected).tolist() == [3]
  assert rewardmath.reciprocal_ranks(np.array([0.8]), rejected) == 1 / 3


def test_all_equal_is_the_last_rank():
  chosen, rejected = np.array([0.5]), [np.full(9, 0.5)]
  assert rewardmath.ranks(chosen, rejected).tolist() == [10]
  assert not rewardmath.strict(chosen, rejected)[0]
  assert rewardmath.with_ties(chosen, rejected)[0]


def test_strict_and_with_ties():
  chosen = np.array([0.9, 0.9, 0.9])
  rejected = [np.array([0.1, 0.8]), np.array([0.9]), np.array([0.95, 0.1])]
  assert rewardmath.strict(chosen, rejected).tolist() == [True, False, False]
  assert rewardmath.with_ties(chosen, rejected).tolist() == [True, True, False]


def test_chance_is_ten_and_29_29_percent():
  accuracy, mrr = rewardmath.by_chance(9)
  assert accuracy == pytest.approx(0.1)
  assert mrr == pytest.approx(0.2929, abs=5e-5)


def test_chance_is_what_random_rewards_get():
  rng = np.random.default_rng(0)
  n = 4_000
  chosen, rejected = rng.random(n), list(rng.random((n, 9)))
  accuracy, mrr = rewardmath.by_chance(9)
  got = rewardmath.strict(chosen, rejected).mean()
  assert abs(got - accuracy) < 4.5 * np.sqrt(0.09 / n)
  ranks = rewardmath.reciprocal_ranks(chosen, rejected)
  assert abs(ranks.mean() - mrr) < 4.5 * ranks.std() / np.sqrt(n)


def test_pairs_are_won_strictly():
  chosen, rejected = np.array([1.0, 0.5, 0.2]), np.array([0.5, 0.5, 0.3])
  assert reward_pairs.won(chosen, rejected).tolist() == [True, False, False]
  assert reward_pairs.tied(chosen, rejected).tolist() == [False, True, False]


def test_math_counts_as_much_as_all_code():
  code = {name: 0.5 for name in reward_pairs.REASONING if name != "math-prm"}
  assert reward_pairs.section({"math-prm": 1.0, **code}) == pytest.approx(0.75)
  assert reward_pairs.section({"math-prm": 0.3, "chat": 1.0}) == 0.3
  with pytest.raises(ValueError, match="no subset"):
    reward_pairs.section({"chat": 1.0})


def test_calling_everything_right():
  """Three right steps and a wrong one: F1 6/7, and 0 for the wrong ones."""
  right = prmbench.is_right(4, [2])
  counts = prmbench.confusion(np.ones(4, bool), right)
  assert counts.tolist() == [3, 1, 0, 0]
  found = prmbench.scores(counts)
  assert found.f1 == pytest.approx(0.857143, abs=1e-6)
  assert found.negative_f1 == 0  # its precision is 0 / 0
  assert found.prm_score == pytest.approx(0.857143 / 2, abs=1e-6)


def test_confusion_and_both_f1_by_hand():
  right = np.array([True, True, True, False, False])
  said = np.array([True, True, False, False, True])
  counts = prmbench.confusion(said, right)
  assert counts.tolist() == [2, 1, 1, 1]
  found = prmbench.scores(counts)
  assert found.f1 == pytest.approx(2 / 3)  # precision and recall 2/3
  assert found.negative_f1 == pytest.approx(1 / 2)
  assert found.prm_score == pytest.approx(7 / 12)
  accuracies = prmbench.step_accuracies(counts)
  assert [float(a) for a in accuracies] == pytest.approx([2 / 3, 1 / 2])


def test_nothing_at_all_is_zero():
  assert prmbench.scores(np.zeros(4)) == (0, 0, 0)


def test_a_class_without_wrong_steps_is_scored_by_f1():
  counts = np.array([3.0, 0, 0, 1])
  f1 = 2 * 3 / 7
  assert prmbench.class_score("multi_solutions", counts) == pytest.approx(f1)
  assert prmbench.class_score("circular", counts) == pytest.approx(f1 / 2)


def test_categories_are_unweighted_means():
  found = prmbench.category_scores(
    {"redundency": 0.2, "circular": 0.4, "confidence": 0.9}
  )
  assert found == pytest.approx({"simplicity": 0.3, "soundness": 0.9})


def test_first_error_and_acceptance():
  right = prmbench.is_right(4, [3, 2])
  said = np.array([True, False, True, True])
  assert prmbench.first_error_found(said, right) is True
  assert prmbench.first_error_found(np.ones(4, bool), right) is False
  assert prmbench.first_error_found(said, np.ones(4, bool)) is None
  assert prmbench.acceptance_gap(said, np.ones(2, bool)) == 0.25
  with pytest.raises(ValueError, match="step 5 of 4"):
    prmbench.is_right(4, [5])


def test_trajectories_by_hand():
  """Wrong steps: 3, called wrong: 3, both: 2 -> F1 2/3; one exact of two."""
  right = [np.array([True, False, False, True]), np.array([True, False])]
  said = [np.array([True, False, True, False]), np.array([True, False])]
  pairs = zip(said, right, strict=True)
  totals = np.sum([trajectories.sums(s, r) for s, r in pairs], axis=0)
  assert trajectories.wrong_f1(totals) == pytest.approx(2 / 3)
  assert trajectories.exact_match(totals) == 0.5
  assert trajectories.step_accuracy(totals) == pytest.approx(4 / 6)
  none = trajectories.sums(np.ones(2, bool), np.ones(2, bool))
  assert trajectories.wrong_f1(none) == 0
