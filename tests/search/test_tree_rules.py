"""Formulas of the tree searches on numbers put in by hand."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.search import (
  best_first,
  tree_backup,
  tree_frontier,
  tree_growth,
  tree_priors,
  tree_select,
)
from tests.search import tabular, tree_runs, trees


def test_the_word_of_a_verifier_gives_way_to_what_is_found():
  children = trees.family(
    visits=[0, 1, 3], score=[0.9, 0.9, 0.9], value=[0.0, 0, 0.3]
  )
  expected = [0.9, 0.2 / 1.2 * 0.9, 0.2 / 3.2 * 0.9 + 3 / 3.2 * 0.3]
  np.testing.assert_allclose(
    tree_select.hybrid(children, children), expected, rtol=1e-6
  )


def test_priors():
  steps = tree_priors.Candidates(
    log_prob=jnp.log(jnp.asarray([[[0.5, 0.25, 0.5, 0.1]]])),
    num_tokens=jnp.asarray([[[1, 2, 1, 0]]]),
    counts=jnp.asarray([[[True, True, False, False]]]),
    copies=jnp.asarray([[[2, 1, 0, 0]]]),
  )
  np.testing.assert_allclose(
    tree_priors.uniform(steps)[0, 0], [2 / 3, 1 / 3, 0, 0], rtol=1e-6
  )
  # 0.25 of two tokens is 0.5 a token.
  expected = {0.0: [2 / 3, 1 / 3, 0, 0], 1.0: [0.5, 0.5, 0, 0]}
  for power, prior in expected.items():
    np.testing.assert_allclose(
      tree_priors.policy(steps, power)[0, 0], prior, rtol=1e-6
    )
  np.testing.assert_allclose(
    tree_priors.likelihood(steps)[0, 0], [0.5, 0.5, 0, 0], rtol=1e-6
  )


def test_priors_of_nothing_are_zero():
  none = jnp.zeros((1, 1, 2))
  steps = tree_priors.Candidates(
    none, none.astype(jnp.int32), none > 0, none.astype(jnp.int32)
  )
  for prior in tree_priors.PRIORS.values():
    np.testing.assert_array_equal(prior(steps), none)


def test_the_score_of_swe_search():
  nodes = trees.family(visits=[4, 1, 1], score=[0.5, 0.8, 0.1], value=[0.0] * 3)
  nodes = nodes._replace(
    parent=jnp.asarray([-1, 0, 1]), depth=jnp.asarray([0, 1, 2])
  )
  found = tree_frontier.swe_search(nodes, depth_bonus=3.0, depth_decay=0.5)
  first = 60 + np.sqrt(np.log(4)) + 3 - 0.8 + 50
  second = -80 + 0 + 3 * np.exp(-0.5) - 0.8 * np.sqrt(2)
  np.testing.assert_allclose(found[1:], [first, second], rtol=1e-5)


def test_perspectives_on_one_step():
  nodes = trees.family(visits=[0, 0], score=[0.5, 0.8], value=[0.0] * 2)
  nodes = nodes._replace(
    parent=jnp.asarray([-1, 0]),
    depth=jnp.asarray([0, 1]),
    log_prob=jnp.asarray([0.0, -3.0]),
    num_tokens=jnp.asarray([0, 2]),
  )
  expected = {
    "score": 0.8,
    "shallow": -1,
    "likely": -1.5,
    "progress": 0.3,
    "moderate_surprisal": 0.8 - 0.1 * 0.5**2,
  }
  for name, value in expected.items():
    found = tree_frontier.by_name(name)(nodes)[1]
    np.testing.assert_allclose(found, value, rtol=1e-6)


@functools.partial(tabular.jit, static_argnames="enough")
def expand(table, enough=None):
  """The trees of a best-first search."""
  return best_first.expand_frontier(
    trees.writer(table, 8, tabular.step_fn),
    tabular.root(8, 4),
    tree_growth.Growth(root_score=0.0, root_visits=0),
    10,
    tabular.LENGTH,
    (tree_frontier.score,),
    enough,
  )


@pytest.mark.parametrize("word", [np.nan, -np.inf])
def test_best_first_counts_no_scores_that_are_no_numbers(word):
  nodes = jax.device_get(expand(tree_runs.failing(3, word))).nodes
  lost = ~np.isfinite(nodes.score) & (nodes.num_tokens > 0)
  assert lost.sum() > 8
  assert (nodes.first_child[lost] < 0).all()
  assert np.isfinite(nodes.value[nodes.visits > 0]).all()
  judged = np.isfinite(nodes.score) & (nodes.num_tokens > 0)
  np.testing.assert_array_equal(nodes.visits[:, 0], judged.sum(axis=1))
  for n in range(8):
    mean = nodes.score[n, judged[n]].mean()
    np.testing.assert_allclose(nodes.value[n, 0], mean, rtol=1e-5)


@pytest.mark.parametrize("word", [np.nan, -np.inf])
def test_children_that_were_given_up_have_no_future(word):
  children = trees.family(
    visits=[2, 0, 0], score=[0.5, word, 0.3], value=[0.4] * 3
  )
  children = children._replace(
    reward=jnp.asarray([0.1, word, -0.1]),
    prior=jnp.ones(3),
    num_tokens=jnp.ones(3, jnp.int32),
  )
  nothing = tree_backup.Returns(jnp.zeros(()), jnp.zeros(()), jnp.int32(0))
  value, _ = tree_backup.future_rewards(children, children, nothing)
  np.testing.assert_allclose(value, (2 * 0.5 - 0.1) / 3, rtol=1e-6)


def test_enough_solutions_end_a_best_first_search():
  some, all_ = jax.device_get(
    (expand(tree_runs.TABLE, 3), expand(tree_runs.TABLE))
  )
  count = (some.nodes.done & (some.nodes.num_tokens > 0)).sum(axis=1)
  over = some.calls < all_.calls
  assert over.any()
  assert (count[over] >= 3).all()
  # The last expansion was needed.
  first = 1 + 4 * (some.calls - 1)
  for n in np.flatnonzero(over):
    before = some.nodes.done[n, : first[n]] & (
      some.nodes.depth[n, : first[n]] > 0
    )
    assert before.sum() < 3
