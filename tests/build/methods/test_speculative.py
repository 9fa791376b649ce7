"""Two policies in a whole solver."""

import functools

import numpy as np
import pytest

from prm_jax import errors
from prm_jax.build.methods import sampling, speculative
from prm_jax.solvers import rescore, solver
from tests.solvers import tiny_solver

DELTA = 0.6


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


@pytest.mark.parametrize(
  ("make", "message"),
  [
    (lambda: speculative.RewardGuided(0), "search.num_rows"),
    (lambda: speculative.RewardGuided(1, weight="best"), "search.weight"),
    (lambda: speculative.Reverse(1, threshold=-0.1), "search.threshold"),
    (lambda: speculative.Reverse(1, aggregate="lest"), "'lest'"),
  ],
)
def test_bad_fields(make, message):
  with pytest.raises(errors.UserError, match=message):
    make()
