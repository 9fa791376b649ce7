"""Probes: what they change, and paired differences by hand."""

import numpy as np
import pytest

from prm_jax.eval import lessons, probes


def test_changes_by_hand():
  found = {n: change(["a", "b", "c"]) for n, change in probes.CHANGES.items()}
  assert found == {
    "repeat last": ["a", "b", "c", "c"],
    "repeat first": ["a", "a", "b", "c"],
    "filler": ["a", "b", probes.FILLER, "c"],
    "numbers": ["Step 1: a", "Step 2: b", "Step 3: c"],
    "merged": ["a\nb", "c"],
  }


def test_shift_by_hand():
  before, after = np.array([0.1, 0.2, 0.3]), np.array([0.4, 0.2, 0.3])
  found = probes.shift(["p", "p", "q"], before, after)
  assert found.mean.value == pytest.approx(0.1)
  assert found.num_solutions == 3
  assert found.mean.low == 0  # a resample may hold q alone
  assert found.mean.high == pytest.approx(0.15)  # or p alone
  # P(q twice) = 1/4: the resamples without any gain.
  assert abs(found.mean.share_against - 0.25) < 4.5 * np.sqrt(0.1875 / 10_000)


def test_nothing_changes_where_the_score_does_not():
  rewards = np.array([0.3, 0.9])
  found = probes.shift(["p", "q"], rewards, rewards)
  assert found.mean[:3] == (0, 0, 0)


def test_each_problem_gets_another_one():
  assert probes.swapped(4).tolist() == [1, 2, 3, 0]


def test_length_and_position():
  scores = [np.array([0.9, 0.5]), np.array([0.8, 0.1, 0.3])]
  lengths = [np.array([9, 5]), np.array([8, 1, 3])]
  assert probes.length_correlation(scores, lengths) == pytest.approx(1)
  falling = [np.array([0.9, 0.5, 0.1])] * 2
  assert probes.position_correlation(falling) == pytest.approx(-1)


def test_mistake_18_rewards_that_grow_with_the_number_of_steps_are_told():
  """A sum of positive step rewards is hacked by writing more steps."""
  rng = np.random.default_rng(0)
  scores = [0.7 + 0.1 * rng.random(k) for k in range(1, 30)]
  by_sum = lessons.aggregated("sum", scores)
  assert probes.count_correlation(by_sum, scores) == pytest.approx(1)
  repeated = [np.append(s, s[-1]) for s in scores]
  names = [str(i) for i in range(len(scores))]
  gained = {
    rule: probes.shift(
      names,
      lessons.aggregated(rule, scores),
      lessons.aggregated(rule, repeated),
    ).mean
    for rule in ("sum", "min", "last")
  }
  assert gained["sum"].low > 0.7
  assert gained["min"].value == gained["last"].value == 0
