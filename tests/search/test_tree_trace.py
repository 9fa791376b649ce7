"""Trees on given uniforms equal the papers' searches, node by node."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.search import (
  alpha_math,
  best_first,
  mcts_dpo,
  rap,
  rest_mcts,
  tree_frontier,
  tree_growth,
  tree_rules,
)
from tests.search import reference_trees, tabular, trees

PROBLEMS, ROWS, SIMULATIONS = 24, 4, 16
UNIFORMS = np.random.default_rng(5).uniform(
  size=(PROBLEMS, tabular.LENGTH, ROWS)
)
PARAMS = (tabular.table(), jnp.asarray(UNIFORMS, jnp.float32))
ROOT_SCORE = 0.4


def run(rules, simulations=SIMULATIONS, moves=1):
  budget = tree_rules.Budget(simulations, moves, tabular.LENGTH)
  return jax.device_get(
    trees.search(PARAMS, rules, budget, trees.by_length, PROBLEMS, ROWS)
  )


def assert_trees(tree, expected):
  sizes = set()
  for n, root in enumerate(expected):
    nodes, tokens = trees.problem(tree, n)
    trees.assert_same_tree(nodes, tokens, root, ROWS)
    written = int(np.sum(nodes.num_tokens > 0))
    assert written == len(root.walk()) - 1
    sizes.add(written)
  assert len(sizes) > 1


def test_alpha_math():
  found = run(alpha_math.alpha_math_rules(root_score=ROOT_SCORE), 40)
  expected = [
    reference_trees.alpha_math(u, 40, 1.25, ROOT_SCORE) for u in UNIFORMS
  ]
  assert_trees(found.tree, expected)
  over = np.array([root.closed for root in expected])
  np.testing.assert_array_equal(found.tree.nodes.closed[:, 0], over)
  # Some trees are exhausted before the simulations are spent.
  assert over[found.simulations < 40].all()
  assert 0 < over.sum() < PROBLEMS


@pytest.mark.parametrize("gate", [0.8, 2.0])
def test_rest_mcts(gate):
  found = run(rest_mcts.rest_mcts_rules(gate=gate))
  expected = [
    reference_trees.rest(u, SIMULATIONS, 0.7, 0.5, 3, gate) for u in UNIFORMS
  ]
  assert_trees(found.tree, [root for root, _ in expected])
  for n, (_, node) in enumerate(expected):
    assert (node is not None) == (found.found[n] >= 0)
    if node is not None:
      tokens = found.tree.store["tokens"][n, found.found[n]]
      assert trees.prefix(tokens) == node.prefix
  passed = np.sum(found.found >= 0)
  assert (passed > 0) == (gate < 1)


def test_rap():
  found = run(rap.rap_rules())
  expected = [
    reference_trees.rap(u, SIMULATIONS, 1.0, 0.5, 0.8) for u in UNIFORMS
  ]
  assert_trees(found.tree, expected)
  nodes = jax.tree.map(jnp.asarray, found.tree.nodes)
  tokens = np.asarray(found.tree.store["tokens"])[:, : nodes.depth.shape[1]]
  answers = jnp.asarray(np.where(tokens < 0, 0, tokens).sum(axis=2) % 3)
  for policy in ("edge", "edge_inverse_depth", "uniform"):
    total = jax.device_get(
      tabular.jit(
        functools.partial(rap.vote, max_steps=tabular.LENGTH, policy=policy)
      )(nodes, answers)
    )
    for n, root in enumerate(expected):
      votes = reference_trees.rap_vote(root, policy)
      ours = {
        int(answers[n, m]): float(total[n, m])
        for m in np.flatnonzero(np.isfinite(total[n]))
      }
      assert ours == pytest.approx(votes, rel=1e-4)


def test_mcts_dpo():
  rules = mcts_dpo.mcts_dpo_rules()
  moves = tabular.LENGTH
  found = run(rules, 6, moves)
  nodes = found.tree.nodes
  # The prompt is worth the average of its children there.
  expected = [
    reference_trees.mcts_dpo(u, 6, moves, 1.0, float(score))
    for u, score in zip(UNIFORMS, nodes.score[:, 0], strict=True)
  ]
  assert_trees(found.tree, [root for root, _ in expected])
  paths = [path for _, path in expected]
  for n, path in enumerate(paths):
    tokens = found.tree.store["tokens"][n, found.origin[n]]
    assert trees.prefix(tokens) == path[-1].prefix
  pairs = pairs_to(nodes, found.origin)
  for n, path in enumerate(paths):
    for depth, node in enumerate(path):
      if node.prefix in [other.prefix for other in path[:depth]]:
        continue  # it is at its end
      q = {id(c): c.reward + c.value for c in node.parent.children if c.visits}
      has = len(q) > 1
      assert has == (pairs.better[n, depth] >= 0)
      if has:
        gap = max(q.values()) - min(q.values())
        assert pairs.gap[n, depth] == pytest.approx(gap, abs=1e-5)


def pairs_to(nodes, leaf):
  pairs = tabular.jit(
    lambda nodes, leaf: mcts_dpo.pairs(nodes, leaf, ROWS, tabular.LENGTH)
  )
  return jax.device_get(pairs(nodes, leaf))


def deep(node):
  return len(node.prefix)


def worth(node):
  return node.score


@pytest.mark.parametrize("width", [1, 2])
def test_best_first(width):
  perspectives = (tree_frontier.score, tree_frontier.shallow)[:width]
  ranks = (worth, lambda node: -deep(node))[:width]
  tree = jax.device_get(
    tabular.jit(
      lambda: best_first.expand_frontier(
        trees.writer(PARAMS, PROBLEMS, trees.by_length),
        tabular.root(PROBLEMS, ROWS),
        tree_growth.Growth(root_score=0.0, root_visits=0),
        8,
        tabular.LENGTH,
        perspectives,
      )
    )()
  )
  expected = [reference_trees.best_first(u, 8, ranks) for u in UNIFORMS]
  for root in expected:
    visit_all(root)
  children = ROWS // width
  for n, root in enumerate(expected):
    nodes, tokens = trees.problem(tree, n)
    trees.assert_same_tree(nodes, tokens, root, children)
    assert np.sum(nodes.num_tokens > 0) == len(root.walk()) - 1
  assert tree.nodes.depth.max() == tabular.LENGTH


def visit_all(root):
  """Every node counts with its score at all above it and at itself."""
  for node in root.walk():
    below = [n for n in node.walk() if n is not root]
    node.visits = len(below)
    node.value = float(np.mean([n.score for n in below])) if below else 0.0


def test_pairs_of_a_tree_without_rewards_are_by_value():
  found = run(alpha_math.alpha_math_rules(root_score=ROOT_SCORE), 40)
  nodes = found.tree.nodes
  pairs = pairs_to(nodes, found.leaves[:, 0])
  problem, depth = np.nonzero(pairs.better >= 0)
  assert len(problem) == PROBLEMS
  better, worse = pairs.better[problem, depth], pairs.worse[problem, depth]
  np.testing.assert_allclose(
    pairs.gap[problem, depth],
    nodes.value[problem, better] - nodes.value[problem, worse],
    atol=1e-6,
  )
  np.testing.assert_array_equal(
    nodes.parent[problem, better], nodes.parent[problem, worse]
  )
