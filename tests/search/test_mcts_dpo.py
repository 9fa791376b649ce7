"""Rewards on steps: what a search of them says of ends and of pairs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.search import mcts_dpo, rap, tree_output, tree_rules
from prm_jax.search import tree as tree_lib
from tests.search import trees

DISCOUNT = 0.5
RULES = mcts_dpo.mcts_dpo_rules(discount=DISCOUNT)
# Two siblings and the two children of the first, all visited or not.
SCORE = np.array([0.5, 0.6, 0.9, 0.95, 0.1], np.float32)
VALUE = np.array([0.2, 0.4, 0.1, 0.0, 0.0], np.float32)
VISITS = np.array([5, 2, 2, 1, 0])
PARENT = np.array([tree_lib.NONE, 0, 0, 1, 1])


def nodes():
  """One problem."""
  above = np.where(PARENT >= 0, SCORE[PARENT], SCORE)
  found = trees.family(VISITS, SCORE, VALUE)._replace(
    parent=jnp.asarray(PARENT),
    first_child=jnp.asarray([1, 3, -1, -1, -1]),
    depth=jnp.asarray([0, 1, 1, 2, 2]),
    reward=jnp.asarray(SCORE - above),
    num_tokens=jnp.asarray([0, 1, 1, 1, 1]),
    done=jnp.asarray([False, False, False, True, True]),
    closed=jnp.zeros(5, bool),
  )
  return jax.tree.map(lambda x: x[None], found)


def test_a_move_goes_by_reward_and_value_where_visits_are_equal():
  """Q is .1 + .5 * .4 and .4 + .5 * .1: the smaller value is better."""
  one = jax.tree.map(lambda x: x[0], nodes())
  parent, children, _ = tree_lib.family(one, jnp.int32(0), 2)
  scores = RULES.commit(jax.random.key(0), parent, children)
  np.testing.assert_allclose(scores, [0.3, 0.45], rtol=1e-6)
  plain = tree_rules.Rules(RULES.select, RULES.growth)
  scores = plain.commit(jax.random.key(0), parent, children)
  np.testing.assert_allclose(scores, [0.4, 0.1], rtol=1e-6)


def test_ends_are_ranked_on_one_scale():
  """A visited end is worth 0, its gain is on the step; .95 beats .1."""
  leaves, copies = tree_output.ends(nodes(), jnp.asarray([2]), 3, RULES.worth)
  np.testing.assert_array_equal(leaves, [[2, 3, 4]])
  assert not copies.any()


def test_ends_of_rewards_are_ranked_by_rewards():
  """An end of reward .5 is worth more than one of which .36 is expected."""
  worth = rap.rap_rules(alpha=0.5, unknown=0.36).worth
  found = trees.family([1, 0], score=[0.7, 0.36], value=[0.5, 0.0])
  np.testing.assert_allclose(worth(found), [0.5, 0.36], rtol=1e-6)


@pytest.mark.parametrize("discount", [DISCOUNT, 1.0])
def test_pairs_go_by_the_values_of_the_search(discount):
  found = mcts_dpo.pairs(nodes(), jnp.asarray([3]), 2, 2, discount)
  q = (SCORE - SCORE[0] + discount * VALUE)[1:3]
  better, worse = 1 + np.argmax(q), 1 + np.argmin(q)
  np.testing.assert_array_equal(found.better, [[better, tree_lib.NONE]])
  np.testing.assert_array_equal(found.worse, [[worse, tree_lib.NONE]])
  np.testing.assert_allclose(found.gap, [[np.ptp(q), 0]], rtol=1e-5)
