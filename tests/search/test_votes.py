import collections

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.search import votes


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
