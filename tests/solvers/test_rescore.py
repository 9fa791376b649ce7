"""A verifier that reads finished rows says what it says during a search."""

import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.build.methods import sampling
from prm_jax.decode import certainty
from prm_jax.solvers import rescore
from tests.solvers import tiny_solver


@pytest.fixture(scope="module")
def solved():
  own = tiny_solver.verified(sampling.BestOfN(4))
  return own.solve(tiny_solver.problems())


@pytest.mark.parametrize("batch_size", [1024, 7])
def test_scores_of_whole_rows_are_those_of_the_search(solved, batch_size):
  model, params = tiny_solver.make(1, value_head="token", use_lm_head=False)
  got = rescore.step_scores(
    model, params, tiny_solver.tokenizer(), solved, batch_size=batch_size
  )
  np.testing.assert_allclose(got, solved.step_scores, atol=1e-5)
  beyond = np.arange(got.shape[-1]) >= solved.num_steps[..., None]
  assert not got[beyond].any()
  assert np.std(got[~beyond]) > 1e-3
  # Steps that were cut off are among them.
  closed = np.isin(
    solved.tokens,
    [tiny_solver.tokenizer().step_id, tiny_solver.tokenizer().eos_id],
  )
  assert np.any(closed.sum(axis=-1) < solved.num_steps)


@pytest.mark.parametrize("batch_size", [1024, 7])
def test_certainty_of_every_row(solved, batch_size):
  policy, params = tiny_solver.make()
  tokenizer = tiny_solver.tokenizer()
  got = rescore.self_certainty(
    policy, params, tokenizer, solved, batch_size=batch_size
  )
  assert got.shape == solved.length.shape
  assert np.std(got) > 1e-3
  problem, row = 3, 2
  prompt = tokenizer.encode(solved.problems[problem].prompt)
  written = solved.tokens[problem, row, : solved.length[problem, row]]
  text = jnp.array([[*prompt, *written]], jnp.int32)
  expected = certainty.of_texts(
    policy,
    params,
    text,
    jnp.array([len(prompt)]),
    jnp.array([text.shape[1]]),
  )
  np.testing.assert_allclose(got[problem, row], expected[0], rtol=1e-4)
