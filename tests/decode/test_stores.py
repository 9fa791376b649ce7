"""A tree of decode states: copied caches and pages give the same one."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.decode import sampling, scoring, state, step
from prm_jax.models import cache, paged
from prm_jax.search import mcts
from tests.decode import runs
from tests.models import tiny

SIMULATIONS, CHILDREN = 7, 3
NODES = 1 + SIMULATIONS * CHILDREN
PAGE = 2
PAGES = {
  "contiguous": cache.CONTIGUOUS,
  "paged": paged.Paged(PAGE, pages=48),
  "too small": paged.Paged(PAGE, pages=8),
}


@functools.cache
def searched(name):
  """(search output, what is left of the decode state)."""
  layout = PAGES[name]
  policy, own = runs.make()
  verifier, other = runs.make(1, value_head="token", use_lm_head=False)
  scorer = scoring.ModelScorer(verifier, chunk=3, layout=layout)
  step_fn = step.make_step_fn(
    policy, scorer, sampling.SamplerConfig(), runs.FORMAT
  )

  def search(params, keys, prompts, length):
    root = state.root(
      policy,
      params,
      prompts,
      length,
      num_rows=CHILDREN,
      max_tokens=runs.SLOTS,
      scorer=scorer,
      layout=layout,
    )
    found = mcts.mcts(
      params,
      keys,
      root,
      step_fn,
      state.load,
      state.put,
      num_simulations=SIMULATIONS,
      max_steps=3,
    )
    last = found.embedding
    return found._replace(embedding=None), (
      last.rows.tokens,
      last.rows.length,
      state.overflow(last),
    )

  return jax.device_get(
    tiny.jit(search)(
      {"policy": own, "verifier": other},
      jax.random.split(jax.random.key(0), len(runs.PROMPTS)),
      jnp.asarray(runs.PROMPTS),
      jnp.asarray(runs.LENGTHS),
    )
  )


def test_trees_are_the_same():
  want, (tokens, length, _) = searched("contiguous")
  got, (own_tokens, own_length, overflow) = searched("paged")
  assert not overflow.any()
  np.testing.assert_array_equal(own_tokens, tokens)
  np.testing.assert_array_equal(own_length, length)
  for mine, other in zip(
    jax.tree.leaves(got), jax.tree.leaves(want), strict=True
  ):
    np.testing.assert_allclose(mine, other, atol=1e-5)
  assert np.all(want.cost.policy_tokens > runs.SLOTS)


def test_pages_of_a_tree_are_fewer_than_its_slots():
  """The pool that was enough, against a copy of the cache in every node."""
  pool = PAGES["paged"].pages * PAGE
  assert pool < NODES * runs.SLOTS // 2


def test_a_tree_that_outgrows_its_pool_is_told():
  assert searched("too small")[1][2].all()


@pytest.mark.parametrize("name", ["contiguous", "paged"])
def test_put_drops_what_goes_to_no_place(name):
  policy, own = runs.make()
  layout = PAGES[name]
  root = state.root(
    policy,
    {"policy": own},
    jnp.asarray(runs.PROMPTS),
    jnp.asarray(runs.LENGTHS),
    num_rows=2,
    max_tokens=runs.SLOTS,
    scorer=scoring.NoScorer(),
    layout=layout,
  )
  store = state.load(root, jnp.zeros((2, 4), jnp.int32))
  rows = state.load(store, jnp.array([[1, 3], [0, 0]]))
  rows = rows._replace(
    rows=rows.rows._replace(score=jnp.array([[5.0, 6.0], [7.0, 8.0]]))
  )
  store = state.put(store, rows, jnp.array([[2, 4], [4, 0]]))
  np.testing.assert_array_equal(store.rows.score, [[0, 0, 5, 0], [8, 0, 0, 0]])


def test_a_roll_out_without_room_is_told():
  policy, own = runs.make()
  root = state.root(
    policy,
    {"policy": own},
    jnp.asarray(runs.PROMPTS),
    jnp.asarray(runs.LENGTHS),
    num_rows=2,
    max_tokens=runs.SLOTS,
    scorer=scoring.NoScorer(),
    layout=PAGES["too small"],
  )
  lost = jnp.array([False, True])
  rows = root.rows
  beyond = root._replace(
    rows=rows._replace(policy=rows.policy._replace(overflow=lost)),
    iterations=root.iterations + 5,
  )
  back = state.unroll(root, beyond)
  assert not np.any(state.overflow(root))
  np.testing.assert_array_equal(state.keep(back).overflow, lost)
  np.testing.assert_array_equal(back.iterations, 5)
  np.testing.assert_array_equal(back.rows.policy.overflow, False)
