import collections
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from prm_jax.search import votes
from tests.search import tabular


def counted(answers, weights, missing):
  """The vote in plain Python."""
  totals: dict[int, float] = collections.defaultdict(float)
  for answer, weight in zip(answers, weights, strict=True):
    if missing == "group" or answer != votes.MISSING:
      totals[answer] += weight
  if not totals:
    return 0
  best = max(totals.values())
  winner = next(a for a in answers if totals.get(a, -np.inf) == best)
  return list(answers).index(winner)


@pytest.mark.parametrize("missing", ["exclude", "group"])
def test_equals_counting(missing):
  rng = np.random.default_rng(0)
  answers = rng.integers(-1, 4, size=(300, 9)).astype(np.int32)
  # Quarters add up exactly, so ties are real ties.
  weights = rng.integers(0, 5, size=answers.shape) / 4
  got = votes.weighted(
    jnp.asarray(answers), jnp.asarray(weights, jnp.float32), missing=missing
  )
  expected = [
    counted(a, w, missing) for a, w in zip(answers, weights, strict=True)
  ]
  np.testing.assert_array_equal(got, expected)
  got = jax.jit(votes.majority, static_argnames="missing")(
    jnp.asarray(answers), missing=missing
  )
  expected = [counted(a, np.ones(9), missing) for a in answers]
  np.testing.assert_array_equal(got, expected)


def test_equal_weights_are_the_majority():
  answers = jnp.asarray(np.random.default_rng(1).integers(0, 3, (100, 7)))
  np.testing.assert_array_equal(
    votes.weighted(answers, jnp.full((100, 7), 0.3)), votes.majority(answers)
  )


def test_the_winning_answer_ignores_the_order_of_rows():
  rng = np.random.default_rng(2)
  answers = rng.integers(0, 3, size=(200, 7))
  weights = rng.random((200, 7)).astype(np.float32)
  order = rng.permuted(np.tile(np.arange(7), (200, 1)), axis=1)
  winner = np.take_along_axis(
    answers,
    np.asarray(votes.weighted(jnp.asarray(answers), jnp.asarray(weights)))[
      :, None
    ],
    axis=1,
  )
  answers = np.take_along_axis(answers, order, axis=1)
  weights = np.take_along_axis(weights, order, axis=1)
  chosen = votes.weighted(jnp.asarray(answers), jnp.asarray(weights))
  np.testing.assert_array_equal(
    np.take_along_axis(answers, np.asarray(chosen)[:, None], axis=1), winner
  )


def test_no_answer_at_all():
  answers = jnp.full((1, 3), votes.MISSING)
  assert votes.majority(answers)[0] == 0


def test_weighted_vote_can_overrule_the_majority():
  answers = jnp.array([[5, 5, 5, 2, -1]])
  weights = jnp.array([[0.1, 0.1, 0.1, 0.9, 5.0]])
  assert votes.majority(answers)[0] == 0
  assert votes.weighted(answers, weights)[0] == 3
  assert votes.weighted(answers, weights, missing="group")[0] == 4


def test_answer_ids_count_first_occurrences_within_a_problem():
  found = votes.answer_ids([["7", None, "3", "7"], ["3", "3", "", None]])
  np.testing.assert_array_equal(found, [[0, -1, 1, 0], [0, 0, 1, -1]])
  assert found.dtype == np.int32


def random_votes(seed, num=300):
  rng = np.random.default_rng(seed)
  answers = rng.integers(-1, 4, size=(num, 9)).astype(np.int32)
  scores = rng.integers(0, 6, size=answers.shape) / 4  # with ties
  return answers, scores.astype(np.float32)


@pytest.mark.parametrize("missing", ["exclude", "group"])
def test_naive_is_the_best_row_that_may_be_chosen(missing):
  answers, scores = random_votes(3)
  got = votes.naive(jnp.asarray(answers), jnp.asarray(scores), missing=missing)
  for row in range(len(answers)):
    allowed = [
      n for n in range(9) if missing == "group" or answers[row, n] >= 0
    ]
    best = max(allowed, key=lambda n, r=row: (scores[r, n], -n), default=0)
    assert got[row] == best


@pytest.mark.parametrize("missing", ["exclude", "group"])
@pytest.mark.parametrize("power", [0.5, 2.0])
def test_borda_equals_counting(power, missing):
  answers, scores = random_votes(4)
  got = votes.borda(
    jnp.asarray(answers), jnp.asarray(scores), power=power, missing=missing
  )
  for row in range(len(answers)):
    order = sorted(range(9), key=lambda n, r=row: (-scores[r, n], n))
    weights = [(9 - order.index(n)) ** power for n in range(9)]
    totals: dict[int, float] = collections.defaultdict(float)
    for answer, weight in zip(answers[row].tolist(), weights, strict=True):
      if missing == "group" or answer != votes.MISSING:
        totals[answer] += weight
    # Totals of a power of 1/2 tie only if they are the same ranks' totals.
    assert totals[int(answers[row, got[row]])] == pytest.approx(
      max(totals.values()), rel=1e-6
    )


def test_borda_by_hand():
  # Ranks 1, 2, 0, 3 of four rows give 3, 2, 4, 1 votes to the power.
  answers = jnp.array([[5, 5, 8, 5]])
  scores = jnp.array([[0.5, 0.4, 0.9, 0.1]])
  assert votes.borda(answers, scores, power=1)[0] == 0  # 6 against 4
  assert votes.borda(answers, scores, power=2)[0] == 2  # 14 against 16
  # sqrt(3) + sqrt(2) + 1 against 2.
  assert votes.borda(answers, scores)[0] == 0


def test_borda_limits():
  answers, scores = random_votes(5)
  scores += np.linspace(0, 0.1, 9, dtype=np.float32)  # no ties
  a, s = jnp.asarray(answers), jnp.asarray(scores)
  np.testing.assert_array_equal(votes.borda(a, s, power=0), votes.majority(a))
  answered = np.maximum(answers, 0)
  whole = jnp.asarray(answered)
  best = votes.borda(whole, s, power=100)
  np.testing.assert_array_equal(
    np.take_along_axis(answered, np.asarray(best)[:, None], 1)[:, 0],
    answered[np.arange(300), scores.argmax(1)],
  )


def test_nan_scores_are_the_worst():
  nan = jnp.nan
  answers = jnp.array([[1, 2, 2], [1, 2, 3], [-1, 2, 3]])
  scores = jnp.array([[nan, 0.1, 0.2], [nan, nan, nan], [0.5, nan, nan]])
  np.testing.assert_array_equal(votes.naive(answers, scores), [2, 0, 1])
  np.testing.assert_array_equal(votes.weighted(answers, scores), [1, 0, 1])
  np.testing.assert_array_equal(votes.borda(answers, scores), [1, 0, 1])


def test_a_row_that_was_given_up_does_not_choose_one_without_answer():
  inf = jnp.inf
  answers = jnp.array([[votes.MISSING, 1, 1], [votes.MISSING, 1, 2]])
  weights = jnp.array([[0.0, -inf, -0.3], [0.5, -inf, inf]])
  np.testing.assert_array_equal(votes.weighted(answers, weights), [1, 2])
  weights = jnp.array([[0.0, -inf, inf], [0.0, -inf, -inf]])
  np.testing.assert_array_equal(votes.weighted(answers, weights), [1, 1])


def test_every_rule_ignores_an_increasing_map_or_the_order_of_rows():
  rng = np.random.default_rng(6)
  answers = rng.integers(-1, 4, size=(200, 7)).astype(np.int32)
  scores = rng.random((200, 7)).astype(np.float32)
  order = rng.permuted(np.tile(np.arange(7), (200, 1)), axis=1)
  for rule in (votes.naive, votes.borda):
    winner = lambda a, s, rule=rule: np.take_along_axis(
      a, np.asarray(rule(jnp.asarray(a), jnp.asarray(s)))[:, None], 1
    )
    expected = winner(answers, scores)
    np.testing.assert_array_equal(winner(answers, np.exp(scores)), expected)
    moved = [np.take_along_axis(x, order, axis=1) for x in (answers, scores)]
    np.testing.assert_array_equal(winner(*moved), expected)


@pytest.mark.parametrize(("first", "second"), [(0, 0), (3, 0), (4, 0), (9, 5)])
def test_majority_confidence_is_a_binomial_sum(first, second):
  """I_{1/2}(a + 1, b + 1) = 2^-(a+b+1) sum_{k <= b} C(a + b + 1, k)."""
  n = first + second + 1
  tail = sum(math.comb(n, k) for k in range(second + 1)) / 2**n
  got = votes.majority_confidence(jnp.float32(first), jnp.float32(second))
  np.testing.assert_allclose(got, 1 - tail, rtol=1e-5)


def test_adaptive_by_hand():
  # Confidence after 3 equal votes is 15/16, after 4 it is 31/32; 5:1 is 15/16
  # and 6:1 is 247/256.
  answers = jnp.array(
    [
      [1, 1, 1, 1, 2, 2, 2, 2],
      [3, 1, 1, 1, 1, 1, 1, 2],
      [1, 2, 1, 2, 1, 2, 1, 2],
      [-1, 1, 1, 1, 1, 2, 2, 2],
      [-1, -1, -1, -1, -1, -1, -1, -1],
    ]
  )
  found = votes.adaptive(answers)
  np.testing.assert_array_equal(found.num_used, [4, 7, 8, 5, 8])
  np.testing.assert_array_equal(found.chosen, [0, 1, 0, 1, 0])
  found = votes.adaptive(answers, missing="group")
  np.testing.assert_array_equal(found.num_used, [4, 7, 8, 8, 4])
  np.testing.assert_array_equal(found.chosen, [0, 1, 0, 1, 0])


def test_adaptive_equals_the_loop():
  rng = np.random.default_rng(7)
  answers = rng.choice([-1, 0, 1, 2], size=(200, 12), p=[0.1, 0.7, 0.1, 0.1])
  found = tabular.jit(votes.adaptive)(jnp.asarray(answers, jnp.int32))
  stopped = 0
  for row in range(200):
    counts: collections.Counter[int] = collections.Counter()
    used = 0
    for answer in answers[row].tolist():
      used += 1
      if answer != votes.MISSING:
        counts[answer] += 1
      v1, v2 = sorted([*counts.values(), 0, 0])[:-3:-1]
      if scipy.stats.beta(v1 + 1, v2 + 1).sf(0.5) >= 0.95:
        break
    stopped += used < 12
    assert found.num_used[row] == used
    most = max(counts.values())
    winner = next(a for a in answers[row] if counts[int(a)] == most)
    assert answers[row, found.chosen[row]] == winner
  assert stopped > 50


def test_adaptive_refuses_a_threshold_that_nothing_reaches():
  with pytest.raises(ValueError, match="above 1/2"):
    votes.adaptive(jnp.zeros((1, 2), jnp.int32), threshold=0.5)
