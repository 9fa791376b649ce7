"""Two policies in a whole solver."""

import functools

import numpy as np
import pytest

from prm_jax import errors
from prm_jax.build.methods import sampling, speculative
from prm_jax.solvers import rescore, solver
from tests.solvers import tiny_solver

DELTA = 0.6
RECAP = "1 + 1"


def thinking(**changes):
  """Digits for words, which a random policy writes."""
  own = {"certain": ("7",), "doubtful": ("1", "3"), "checks": ("9",)}
  own |= {"preview": 3, "check_tokens": 4, "recap": "", "recap_tokens": 4}
  own |= {"recap_longer": 2, "recap_longest": 5}
  return speculative.SpeculativeThinking(2, **own | changes)


@functools.cache
def solved(name: str) -> solver.Solved:
  rsd = functools.partial(speculative.RewardGuided, 2)
  own = {
    "plain": lambda: tiny_solver.solve_with(sampling.BestOfN(2)),
    "drafts": lambda: tiny_solver.verified(rsd(delta=0.0), target=2),
    "guided": lambda: tiny_solver.verified(rsd(delta=DELTA), target=2),
    "queue": lambda: tiny_solver.verified(
      rsd(delta=DELTA), target=2, slots=3, barrier=0.0
    ),
    "same": lambda: tiny_solver.verified(
      thinking(checks=(), recap_after=99, recap_most=99), target=0
    ),
    "thinking": lambda: tiny_solver.verified(
      thinking(recap=RECAP, recap_after=0, recap_more=99, recap_most=99),
      target=2,
    ),
  }[name]()
  return own.solve(tiny_solver.problems())


def test_drafts_that_all_stay_are_plain_sampling():
  drafts, plain = solved("drafts"), solved("plain")
  np.testing.assert_array_equal(drafts.tokens, plain.tokens)
  for field in ("policy_tokens", "discarded_tokens", "depth", "target_tokens"):
    np.testing.assert_array_equal(
      getattr(drafts.cost, field), getattr(plain.cost, field)
    )


def test_a_target_writes_what_the_verifier_rejects():
  own = solved("guided")
  model, params = tiny_solver.make(1, value_head="token", use_lm_head=False)
  again = rescore.step_scores(model, params, tiny_solver.tokenizer(), own)
  np.testing.assert_allclose(own.step_scores, again, atol=1e-5)
  cost = own.cost
  # Every draft and every step of the target was read, and only they.
  np.testing.assert_array_equal(cost.verifier_tokens, cost.policy_tokens)
  written = own.length.sum(axis=1)
  np.testing.assert_array_equal(
    cost.policy_tokens - cost.discarded_tokens, written
  )
  assert (cost.target_tokens > 0).any()
  assert (cost.target_tokens < written).any()
  assert np.any(own.tokens != solved("plain").tokens)


def test_problems_with_two_policies_wait_for_slots():
  queued, own = solved("queue"), solved("guided")
  np.testing.assert_array_equal(queued.tokens, own.tokens)
  np.testing.assert_allclose(queued.step_scores, own.step_scores, atol=1e-5)
  for mine, other in zip(queued.cost, own.cost, strict=True):
    np.testing.assert_array_equal(mine, other)


def texts(own):
  """Tokens of the rows that were written."""
  return [
    row[:end].tolist()
    for rows, ends in zip(own.tokens, own.length, strict=True)
    for row, end in zip(rows, ends, strict=True)
  ]


def test_a_large_policy_that_is_the_small_one_thinks_the_same():
  """Doubts throw drafts away and change no text."""
  same, plain = solved("same"), solved("plain")
  np.testing.assert_array_equal(same.tokens, plain.tokens)
  assert (same.cost.discarded_tokens > 0).any()
  written = same.length.sum(axis=1)
  assert (same.cost.target_tokens > 0).any()
  np.testing.assert_array_equal(
    same.cost.policy_tokens - same.cost.discarded_tokens, written
  )


def test_a_recap_begins_with_its_words():
  """Every first step is one, the later ones are as they come."""
  own, plain = solved("thinking"), solved("plain")
  words = tiny_solver.tokenizer().encode(RECAP)
  assert all(row[: len(words)] == words for row in texts(own))
  assert all(row[: len(words)] != words for row in texts(plain))
  # Words that are given are certain, and count as tokens of both.
  np.testing.assert_array_equal(
    own.cost.policy_tokens - own.cost.discarded_tokens, own.length.sum(axis=1)
  )
  assert (own.cost.target_tokens >= 2 * (len(words) + 1)).all()


@pytest.mark.parametrize(
  ("make", "message"),
  [
    (lambda: thinking(preview=0), "search.preview: must be at least 1"),
    (lambda: thinking(recap_longest=1), "search.recap_longest"),
    (lambda: thinking(recap_after=-1), "search.recap_after"),
    (lambda: thinking(certain=(), doubtful=(), checks=()), "no word to look"),
    (
      lambda: tiny_solver.verified(thinking(preview=7), target=2),
      "search.preview: must be below the tokens of a step, 7",
    ),
    (
      lambda: tiny_solver.verified(thinking(recap="Hm"), target=2),
      "'Hm': no tokens write it",
    ),
    (lambda: tiny_solver.verified(thinking()), "target: this method needs"),
    (lambda: speculative.RewardGuided(0), "search.num_rows"),
    (lambda: speculative.RewardGuided(1, weight="best"), "search.weight"),
    (lambda: speculative.Reverse(1, threshold=-0.1), "search.threshold"),
    (lambda: speculative.Reverse(1, aggregate="lest"), "'lest'"),
  ],
)
def test_bad_fields(make, message):
  with pytest.raises(errors.UserError, match=message):
    make()
