"""Configs of the beam family, bound to a model that writes."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax import errors
from prm_jax.build import searches
from prm_jax.build.methods import beams, groups, sampling
from prm_jax.decode import sampling as sampling_lib
from prm_jax.decode import scoring, state, step
from prm_jax.solvers import rescore, solver
from tests.decode import runs
from tests.solvers import tiny_solver

CONFIGS = {
  "step_beam": beams.StepBeam(4, width=2, lookahead=1, distinct=True),
  "token_beam": beams.TokenBeam(4, width=2, rank="log_prob", aggregate="mean"),
  "sbs": beams.SBS(4, width=2),
  "early_rejection": beams.EarlyRejection(4, width=2, tau=3),
  "dvts": groups.DVTS(4, branch=2, lookahead=1, judge="corrected"),
  "rebase": groups.Rebase(4),
  "svdd": groups.SVDD(4, branch=2, resample="always"),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_searches_are_bound_to_models(name):
  """Traced, not run: what is searched with is tested in tests/search."""
  config = CONFIGS[name]
  assert searches.METHODS[name] is type(config)
  model, policy = runs.make()
  params = {"policy": policy}
  steps = step.StepFactory(
    model,
    scoring.NoScorer(),
    sampling_lib.SamplerConfig(),
    runs.FORMAT,
  )

  def run(params):
    root = state.root(
      model,
      params,
      jnp.asarray(runs.PROMPTS),
      jnp.asarray(runs.LENGTHS),
      num_rows=4,
      max_tokens=runs.SLOTS,
      scorer=steps.scorer,
    )
    keys = jax.random.split(jax.random.key(0), 2)
    return config.bind(3, steps)(params, keys, root)

  found = jax.eval_shape(run, params)
  most = 3 * runs.MAX_STEP if name == "token_beam" else 3
  assert found.step_scores.shape == (2, 4, most)
  assert found.embedding.rows.tokens.shape == (2, 4, runs.SLOTS)


@pytest.mark.parametrize(
  ("make", "message"),
  [
    (lambda: beams.StepBeam(4, width=0), "search.width: 0 with 4 rows"),
    (lambda: beams.StepBeam(4, lookahead=-1), "search.lookahead"),
    (lambda: beams.StepBeam(4, judge="first"), "search.judge"),
    (lambda: groups.DVTS(4, judge="first"), "search.judge"),
    (lambda: beams.SBS(5, width=2), "5 is not a multiple of search.width"),
    (lambda: beams.SBS(4, width=0), "search.width"),
    (lambda: beams.EarlyRejection(4, tau=0), "search.tau: must be at least 1"),
    (lambda: beams.TokenBeam(4, rank="log_prob"), "sum or a mean.*'last'"),
    (lambda: groups.DVTS(6), "6 is not a multiple of search.branch"),
    (lambda: groups.DVTS(6, branch=0), "search.branch: must be at least 1"),
    (lambda: groups.DVTS(4, lookahead=-1), "search.lookahead"),
    (lambda: groups.Rebase(0), "search.num_rows"),
    (lambda: groups.Rebase(4, tau=0.0), "search.tau: must be positive"),
    (lambda: groups.SVDD(4, branch=3), "4 is not a multiple"),
    (lambda: groups.SVDD(4, branch=2, alpha=0.0), "search.alpha"),
    (lambda: groups.SVDD(4, branch=2, value="odds"), "'odds'"),
    (lambda: groups.SVDD(4, branch=2, scheme="best"), "'best'"),
  ],
)
def test_bad_fields(make, message):
  with pytest.raises(errors.UserError, match=message):
    make()


@functools.cache
def solved(name: str) -> solver.Solved:
  make = {
    "plain": lambda: tiny_solver.solve_with(sampling.BestOfN(1)),
    "parts": lambda: tiny_solver.solve_with(
      beams.EarlyRejection(1, width=1, tau=3)
    ),
    "rejection": lambda: tiny_solver.verified(CONFIGS["early_rejection"]),
    "lookahead": lambda: tiny_solver.solve_with(CONFIGS["step_beam"]),
  }
  own = make[name]()
  return own.solve(tiny_solver.problems())


def test_one_row_in_two_parts_is_plain_sampling():
  plain, parts = solved("plain"), solved("parts")
  np.testing.assert_array_equal(parts.tokens, plain.tokens)
  np.testing.assert_array_equal(parts.num_steps, plain.num_steps)
  for field in ("policy_tokens", "depth", "slots"):
    np.testing.assert_array_equal(
      getattr(parts.cost, field), getattr(plain.cost, field)
    )
  # Some steps were longer than the first part.
  assert (plain.cost.policy_tokens > 3 * plain.num_steps[:, 0]).any()


def test_caches_follow_rows_into_a_smaller_batch_and_back():
  model, params = tiny_solver.make(1, value_head="token", use_lm_head=False)
  own = solved("rejection")
  again = rescore.step_scores(model, params, tiny_solver.tokenizer(), own)
  np.testing.assert_allclose(own.step_scores, again, atol=1e-5)
  assert (own.cost.discarded_tokens > 0).any()
  assert (own.cost.slots < 4 * own.cost.depth).any()


def test_steps_as_short_as_tau_are_a_step_beam():
  model, _ = runs.make()
  steps = step.StepFactory(
    model, scoring.NoScorer(), sampling_lib.SamplerConfig(), runs.FORMAT
  )
  early = beams.EarlyRejection(4, width=2, tau=runs.MAX_STEP).bind(3, steps)
  beam = beams.StepBeam(4, width=2).bind(3, steps)
  assert early.func is beam.func
  early.keywords.pop("step_fn")
  beam.keywords.pop("step_fn")
  assert early.keywords == beam.keywords


def test_roll_outs_are_paid_for():
  own = solved("lookahead")
  cost = own.cost
  assert (cost.discarded_tokens > 0).all()
  kept = cost.policy_tokens - cost.discarded_tokens
  assert (kept >= own.length.max(axis=1)).all()
  assert (kept <= own.length.sum(axis=1)).all()
  assert own.slots >= own.cost.slots.max()
  assert solver.utilisation(own) < 1


def test_same_text():
  model, params = runs.make()
  root = state.root(
    model,
    {"policy": params},
    jnp.asarray(runs.PROMPTS[:1]),
    jnp.asarray(runs.LENGTHS[:1]),
    num_rows=4,
    max_tokens=3,
    scorer=scoring.NoScorer(),
  )
  tokens = jnp.array([[[3, 0, 0], [3, 0, 0], [3, 0, 0], [4, 5, 0]]], jnp.int32)
  rows = root.rows._replace(
    tokens=tokens, length=jnp.array([[1, 1, 2, 2]], jnp.int32)
  )
  got = state.same_text(root._replace(rows=rows))
  expected = np.eye(4, dtype=bool)
  expected[0, 1] = expected[1, 0] = True  # token 0 is a token, not a blank
  np.testing.assert_array_equal(got, expected[None])
