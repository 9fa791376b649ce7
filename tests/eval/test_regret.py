"""Anytime answers and regret, worked out by hand."""

import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.eval import regret
from prm_jax.search import votes


def make_trace(*rows):
  """[(cost, accuracy), ...] for each problem."""
  table = np.array(rows, float)
  return regret.Trace(table[..., 0], table[..., 1])


LENGTH = np.array([[4, 2, 3, 2]])


def test_costs_at_which_rows_are_done():
  assert regret.one_by_one(LENGTH).tolist() == [[4, 6, 9, 11]]
  # After 2 tokens each of 4 rows, after 3 of the longer two, after 4 of one.
  assert regret.side_by_side(LENGTH).tolist() == [[11, 8, 10, 8]]


def test_anytime_answers_by_hand():
  """Rows 1 and 3 are done together, then 2, then 0."""
  trace = regret.anytime(
    votes.weighted,
    regret.side_by_side(LENGTH),
    np.array([[7, 5, 7, -1]], np.int32),
    np.array([[0.2, 0.5, 0.4, 0.9]]),
    np.array([[True, False, True, False]]),
  )
  assert trace.cost.tolist() == [[8, 8, 10, 11]]
  # 5 leads by .5 to .4 until row 0 adds .2 to the other answer.
  assert trace.accuracy.tolist() == [[0, 0, 0, 1]]


def test_before_the_first_answer_nothing_is_right():
  """Row 0 is right but done last; row 1 says nothing."""
  trace = regret.anytime(
    votes.naive,
    np.array([[9, 4]]),
    np.array([[3, -1]], np.int32),
    np.array([[1.0, 1.0]]),
    np.array([[True, False]]),
  )
  assert trace.cost.tolist() == [[4, 9]]
  assert trace.accuracy.tolist() == [[0, 1]]


def test_the_last_answer_is_the_vote_of_all_rows():
  rng = np.random.default_rng(0)
  answers = rng.integers(-1, 3, (30, 8)).astype(np.int32)
  scores, length = rng.random((30, 8)), rng.integers(1, 20, (30, 8))
  correct = answers == 1
  for finish in (regret.one_by_one(length), regret.side_by_side(length)):
    trace = regret.anytime(votes.borda, finish, answers, scores, correct)
    chosen = votes.borda(jnp.asarray(answers), jnp.asarray(scores, jnp.float32))
    np.testing.assert_array_equal(
      trace.accuracy[:, -1], correct[np.arange(30), chosen]
    )
    np.testing.assert_array_equal(trace.cost[:, -1], length.sum(axis=1))


@pytest.mark.parametrize(
  ("trace", "expected"),
  [
    ([(0, 1)], 0),
    ([(5, 0), (40, 0)], 1),
    ([(30, 1)], 0.3),
    ([(100, 1)], 1),
    ([(20, 1), (50, 0), (80, 1)], 1 - 0.3 - 0.2),
    ([(10, 0.5), (60, 1)], 1 - 0.5 * 0.5 - 0.4),
    ([(10, 0.5), (150, 1)], 1 - 0.9 * 0.5),
  ],
)
def test_normalised_regret(trace, expected):
  found = regret.normalised(make_trace(trace), 100)
  assert found == pytest.approx(expected)


@pytest.mark.parametrize(
  ("trace", "expected"),
  [
    ([(0, 1)], 0),
    ([(5, 0), (40, 0)], 1),
    ([(30, 1)], 0.15),  # the ramp costs half of what waiting costs
    ([(200, 1)], 0.75),  # 1/2 at the budget: a triangle of 1/4
    ([(20, 0.5), (60, 1)], 1 - 0.05 - 0.3 - 0.4),
  ],
)
def test_normalised_regret_between_points(trace, expected):
  found = regret.normalised_between(make_trace(trace), 100)
  assert found == pytest.approx(expected)


def test_an_episode_may_be_split_where_nothing_changes():
  whole = make_trace([(10, 0.25), (50, 0.75), (50, 0.75), (90, 0.5)])
  split = make_trace([(10, 0.25), (30, 0.25), (50, 0.75), (90, 0.5)])
  np.testing.assert_allclose(
    regret.normalised(whole, 80), regret.normalised(split, 80)
  )
  line = make_trace([(10, 0.25), (50, 0.75), (90, 0.5), (90, 0.5)])
  split = make_trace([(10, 0.25), (30, 0.5), (50, 0.75), (90, 0.5)])
  for budget in (40, 50, 80, 120):
    np.testing.assert_allclose(
      regret.normalised_between(line, budget),
      regret.normalised_between(split, budget),
    )


def test_every_problem_has_its_own():
  trace = make_trace([(10, 1), (20, 1)], [(30, 0), (40, 1)])
  np.testing.assert_allclose(regret.normalised(trace, 50), [0.2, 0.8])


def test_cumulative_regret_and_progress():
  accuracy = np.array([[0.25, 0.5, 1.0], [0.0, 0.5, 0.25]])
  np.testing.assert_allclose(
    regret.cumulative(accuracy), [[0.75, 1.25, 1.25], [1, 1.5, 2.25]]
  )
  best = np.array([[0.5, 0.5, 1.0], [0.5, 0.5, 0.5]])
  np.testing.assert_allclose(
    regret.cumulative(accuracy, best), [[0.25, 0.25, 0.25], [0.5, 0.5, 0.75]]
  )
  found = regret.progress(accuracy, np.array([0.125, 0.0]))
  np.testing.assert_allclose(found, [[0.125, 0.25, 0.5], [0, 0.5, -0.25]])
  np.testing.assert_allclose(found.sum(-1), accuracy[:, -1] - [0.125, 0])


def test_mistakes():
  with pytest.raises(ValueError, match="budget"):
    regret.normalised(make_trace([(1, 1)]), 0)
  with pytest.raises(ValueError, match="grow"):
    regret.normalised(make_trace([(5, 1), (4, 1)]), 10)
