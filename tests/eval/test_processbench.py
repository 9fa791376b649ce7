"""ProcessBench against hand-made tables and the published rows."""

import numpy as np
import pytest

from prm_jax.eval import processbench

# (err, cor) -> F1 as published, in percent (arXiv 2412.06559, 2501.07301).
PUBLISHED = [
  ("Qwen2.5-Math-PRM-7B gsm8k", 72.0, 96.4, 82.4),
  ("Qwen2.5-Math-PRM-7B math", 68.0, 90.4, 77.6),
  ("Qwen2.5-Math-PRM-7B olympiadbench", 55.7, 85.5, 67.5),
  ("Qwen2.5-Math-PRM-7B omnimath", 55.2, 83.0, 66.3),
  ("Qwen2.5-Math-7B-PRM800K gsm8k", 53.1, 95.3, 68.2),
  ("Qwen2.5-Math-7B-PRM800K math", 48.0, 90.1, 62.6),
  ("Qwen2.5-Math-7B-PRM800K olympiadbench", 35.7, 87.3, 50.7),
  ("Qwen2.5-Math-7B-PRM800K omnimath", 29.8, 86.1, 44.3),
  ("Math-Shepherd gsm8k", 32.4, 91.7, 47.9),
  ("Math-Shepherd math", 18.0, 82.0, 29.5),
  ("Math-Shepherd olympiadbench", 15.0, 71.1, 24.8),
  ("Math-Shepherd omnimath", 14.2, 73.0, 23.8),
]


@pytest.mark.parametrize(("name", "err", "cor", "f1"), PUBLISHED)
def test_f1_of_published_accuracies(name, err, cor, f1):
  found = float(processbench.harmonic_mean(err, cor))
  # Both accuracies are rounded to 0.1; none moves the F1 by more than that.
  assert found == pytest.approx(f1, abs=0.1), name


@pytest.mark.parametrize(
  ("rows", "average"), [(slice(0, 4), 73.5), (slice(4, 8), 56.5)]
)
def test_average_of_published_subsets(rows, average):
  values = [processbench.harmonic_mean(e, c) for _, e, c, _ in PUBLISHED[rows]]
  assert np.mean(values) == pytest.approx(average, abs=0.1)


def test_two_of_each_by_hand():
  """One of two errors found, both correct ones passed: 50, 100, 66.67."""
  labels = np.array([2, 0, -1, -1])
  predicted = np.array([2, 1, -1, -1])
  found = processbench.tally(predicted, labels)
  assert found.error_accuracy.value == 0.5
  assert found.correct_accuracy.value == 1
  assert found.f1.value == pytest.approx(2 / 3)
  assert found.f1.low <= found.f1.value <= found.f1.high


def test_f1_is_zero_not_nan_where_both_accuracies_are():
  labels, predicted = np.array([1, -1]), np.array([0, 0])
  assert processbench.tally(predicted, labels).f1.value == 0


def test_passing_everything_has_f1_zero():
  labels = np.array([1, 2, -1, -1])
  found = processbench.tally(np.full(4, -1), labels)
  assert (found.correct_accuracy.value, found.f1.value) == (1, 0)


def test_the_first_step_that_is_not_above_the_threshold():
  scores = [
    np.array([0.9, 0.4, 0.1]),
    np.array([0.5, 0.9]),  # a tie is no pass
    np.array([0.51, 0.9]),
    np.array([]),
  ]
  found = processbench.first_error(scores, 0.5)
  assert found.tolist() == [1, 0, -1, -1]


def test_right_after_the_first_error_is_no_excuse():
  """A later recovery does not move the prediction."""
  scores = [np.array([0.9, 0.2, 0.99, 0.99])]
  assert processbench.first_error(scores, 0.5).tolist() == [1]


def test_mistake_10_a_score_that_underflows_to_zero_keeps_its_place():
  """Selecting scores by `!= 0` would shift all later steps by one."""
  scores = [np.array([0.9, 0.0, 0.9, 0.3], np.float32)]
  assert processbench.first_error(scores, 0.5).tolist() == [1]


def test_average_is_unweighted_over_subsets():
  small = (np.array([0, -1]), np.array([0, -1]), None)  # F1 1
  labels = np.array([0] * 10 + [-1] * 10)
  large = (np.array([0] * 5 + [1] * 5 + [-1] * 10), labels, None)  # 2/3
  found = processbench.average_f1({"small": small, "large": large})
  assert found.value == pytest.approx((1 + 2 / 3) / 2)


def test_interval_is_that_of_resampled_problems():
  """Standard error of the error accuracy: sqrt(p (1 - p) / n), p = 1/2."""
  n = 400
  labels = np.array([0] * n + [-1] * n)
  predicted = np.array([0, 1] * (n // 2) + [-1] * n)
  own = processbench.tally(predicted, labels).error_accuracy
  width = own.high - own.low
  assert width == pytest.approx(2 * 1.96 * 0.5 / np.sqrt(n), rel=0.1)


def test_solutions_of_one_problem_stay_together():
  """Four copies of each solution are no more information than one."""
  rng = np.random.default_rng(0)
  labels = rng.integers(-1, 2, size=150)
  predicted = np.where(rng.random(150) < 0.6, labels, 2)
  names = [str(i) for i in range(150)]
  once = processbench.tally(predicted, labels, names)
  four = processbench.tally(
    np.repeat(predicted, 4), np.repeat(labels, 4), np.repeat(names, 4).tolist()
  )
  assert four == once
  alone = processbench.tally(np.repeat(predicted, 4), np.repeat(labels, 4))
  assert alone.f1.high - alone.f1.low < 0.7 * (once.f1.high - once.f1.low)


def test_right_answers_with_a_wrong_step_and_how_many_are_accepted():
  labels = np.array([1, 0, -1, 2])
  answer = np.array([True, False, True, True])
  false = processbench.false_finals(labels, answer)
  assert false.tolist() == [True, False, False, True]
  assert false.sum() / answer.sum() == pytest.approx(2 / 3)
  scores = [np.array([0.9, 0.9]), np.array([0.1]), np.array([0.9])]
  scores.append(np.array([0.9, 0.9, 0.4]))
  taken = processbench.accepted(scores, 0.5)
  assert taken[false].tolist() == [True, False]


def test_difference_of_two_verifiers_is_paired():
  """One is right where the other is, and on one more error in each subset."""
  labels = np.array([0, 1, -1, -1] * 10)
  right = np.array([0, 0, -1, -1] * 10)  # half of the errors: F1 2/3
  left = {"a": (labels, labels, None), "b": (labels, labels, None)}
  other = {"a": (right, labels, None), "b": (labels, labels, None)}
  found = processbench.f1_difference(left, other)
  assert found.value == pytest.approx((1 / 3 + 0) / 2)
  assert 0 < found.low < found.value < found.high
  assert found.share_against < 0.001
  same = processbench.f1_difference(other, other)
  assert same[:3] == (0, 0, 0)
  assert same.share_against == 1
