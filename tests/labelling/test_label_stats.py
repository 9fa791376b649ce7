"""Statistics of labels that know more than their counts; and their cost."""

import pytest

from prm_jax.labelling import label_stats, rollouts
from tests.labelling import chains

# As the binary search labels six steps: a right answer, and an error at 2.
RIGHT = chains.label(
  [0] * 5 + [1], [0] * 5 + [1], hard=(1,) * 6, first_error=-1
)
WRONG = chains.label(
  [0, 4, 0, 0, 0, 0],
  [0, 8, 8, 8, 0, 1],
  hard=(1, 1, 0, None, None, None),
  first_error=2,
)


def test_classes_of_the_record_come_before_those_of_counts():
  found = label_stats.summarise([RIGHT, WRONG])
  assert found["first_error"] == {"none": 0.5, "2": 0.5}
  assert (found["steps"], found["labels"]) == (12, 9)
  assert found["positive"] == pytest.approx(8 / 9)
  assert found["positive_by_step"] == [1, 1, 0.5, 1, 1, 1]
  assert found["value"] == pytest.approx(1.5 / 5)  # of what was completed
  assert found["correct_with_error"] == 0
  assert found["lowest_step_last"] is None
  trained = label_stats.trained([RIGHT, WRONG])
  assert {name: found[name] for name in trained} == trained


def test_a_share_at_the_threshold_is_not_above_it():
  """By rounding, 0.29 * 100 is less than 29."""
  label = chains.label([29], [100])
  assert label_stats.summarise([label], 0.29)["positive"] == 0


def spent(tokens):
  cost = rollouts.Cost(states=1, completions=8, policy_tokens=tokens)
  return chains.label([1], [8], extra={rollouts.COST: cost._asdict()})


def test_cost_is_that_of_what_labels_were_made_of():
  found = label_stats.summarise([spent(10)], paid=[spent(10), spent(30)])
  assert found["cost"]["policy_tokens"] == 40
  assert found["cost"]["completions"] == 16
  assert found["tokens_per_label"] == 40


def test_a_cost_that_nobody_tells_is_null():
  found = label_stats.summarise([RIGHT])
  assert found["cost"] is found["tokens_per_label"] is None
  assert label_stats.cost([])["policy_tokens"] == 0  # of nothing
