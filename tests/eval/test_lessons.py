"""Where the lowest score falls, and what solutions are accepted."""

import numpy as np
import pytest

from prm_jax import errors
from prm_jax.eval import accuracy, lessons


def arrays(*rows):
  return [np.array(row, float) for row in rows]


def test_minimum_at_the_last_step_by_hand():
  scores = arrays([0.9, 0.1], [0.1, 0.9], [0.5, 0.5], [0.7], [], [0.9, 0.8, 0])
  found = lessons.minimum_at_last(scores)
  # A tie is the earlier step's; one step is always the last; none is left out.
  assert found.tolist() == [True, False, False, True, True]
  assert lessons.by_chance(scores).tolist() == [0.5, 0.5, 0.5, 1, 1 / 3]
  with pytest.raises(errors.UserError, match="no solution has a step"):
    lessons.minimum_at_last(arrays([]))


def test_of_random_scores_the_share_is_that_of_chance():
  rng = np.random.default_rng(0)
  scores = [rng.random(int(k)) for k in rng.integers(1, 9, size=4_000)]
  chance = lessons.by_chance(scores)
  error = np.sqrt((chance * (1 - chance)).sum()) / len(chance)
  assert (
    abs(lessons.minimum_at_last(scores).mean() - chance.mean()) < 4.5 * error
  )


def test_oracle_labels_give_the_law_of_the_first_error():
  """0 from the error on: the minimum is the error, whatever follows."""
  scores = arrays([1, 0, 0], [1, 1, 0], [1, 1, 1], [0, 0])
  assert lessons.minimum_at_last(scores).tolist() == [False, True, False, False]


def test_an_oracle_of_outcomes_puts_it_last_for_every_wrong_solution():
  """Flat before the end, then 1 or 0."""
  scores = arrays([0.5, 0.5, 0], [0.5, 0], [0.5, 0.5, 1])
  assert lessons.minimum_at_last(scores).tolist() == [True, True, False]


def test_position_alone_is_what_dealing_within_positions_keeps():
  """All last scores are the lowest, whoever's they are."""
  rng = np.random.default_rng(1)
  drift = [np.array([0.9, 0.8, 0.1]) + 0.01 * rng.random(3) for _ in range(40)]
  assert lessons.position_matched(drift) == 1
  assert lessons.minimum_at_last(drift).mean() == 1
  # Here it is the solution that matters: half of them drop, half rise.
  mixed = arrays(*[[0.5, 0.1], [0.2, 0.6]] * 100)
  assert lessons.minimum_at_last(mixed).mean() == 0.5
  # First scores are 0.5 or 0.2, last ones 0.1 or 0.6: lowest if 0.1.
  found = lessons.position_matched(mixed, num_draws=50)
  assert found == pytest.approx(0.5, abs=1e-9)


def test_accepted_in_the_end_in_spite_of_a_step():
  scores = arrays([0.9, 0.2, 0.8], [0.9, 0.8], [0.2, 0.1])
  assert lessons.disagreement(scores, 0.5).tolist() == [True, False, False]


@pytest.mark.parametrize(
  ("rule", "expected"),
  [
    ("min", 0.2),
    ("product", 0.09),
    ("mean", 1.6 / 3),
    ("last", 0.5),
    ("geometric_mean", 0.09 ** (1 / 3)),
    ("mean_odd", (9 + 0.25 + 1) / 3),
  ],
)
def test_aggregates_in_double_precision(rule, expected):
  found = lessons.aggregated(rule, arrays([0.9, 0.2, 0.5], [0.3]))
  assert found.dtype == np.float64
  assert found[0] == pytest.approx(expected, rel=1e-12)


def test_scores_that_differ_in_the_tenth_digit_are_no_tie():
  found = lessons.aggregated("min", arrays([0.9999999999], [0.9999999998]))
  assert found[0] > found[1]


def test_mistake_19_the_first_step_is_not_the_reward_of_the_whole():
  """A good first step of a bad solution must not decide any aggregate."""
  good_start, good = arrays([0.99, 0.1, 0.1], [0.6, 0.8, 0.9])
  for rule in lessons.AGGREGATES:
    bad, right = lessons.aggregated(rule, [good_start, good])
    assert bad < right, rule


def test_mistake_7_an_empty_last_step_would_change_the_reward():
  """A score more than there are steps: `scored` refuses it, see there."""
  with_extra = arrays([0.9, 0.8, 0.01], [0.9, 0.8])
  for rule in lessons.AGGREGATES:
    extra, plain = lessons.aggregated(rule, with_extra)
    assert extra < plain, rule


def test_prm_at_n_by_aggregate():
  """One problem, two samples: min picks the right one, last the wrong one."""
  scores = arrays([0.6, 0.7], [0.1, 0.9])
  correct = np.array([[True, False]])
  picked = {
    rule: accuracy.best_of_k(
      lessons.aggregated(rule, scores)[None], correct, 2
    ).item()
    for rule in lessons.AGGREGATES
  }
  assert picked == {"min": 1, "product": 1, "mean": 1, "last": 0}
