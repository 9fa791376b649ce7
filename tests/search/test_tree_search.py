"""What holds of every tree: logs, budgets, moves, odd children."""

import functools

import jax
import numpy as np
import pytest

from prm_jax.search import (
  alpha_math,
  best_of_n,
  gumbel,
  mcts,
  tree_growth,
  tree_rules,
  tree_select,
)
from tests.search import tree_runs, trees


def kept_apart(nodes, found):
  """Of one problem: the evaluations that went through each node."""
  seen = [[] for _ in nodes.parent]
  for leaf, value in zip(*found, strict=True):
    if leaf >= 0:
      for node in trees.ancestors(nodes, leaf):
        seen[node].append(value)
  return seen


@pytest.mark.parametrize(
  "rules",
  [
    tree_runs.PUCT,
    gumbel.gumbel_rules(
      gumbel.Gumbel(tree_runs.SIMULATIONS, 4), tree_runs.PLAIN
    ),
    alpha_math.alpha_math_rules(),
  ],
  ids=["puct", "gumbel", "alpha_math"],
)
def test_a_value_is_the_mean_of_the_evaluations_below(rules):
  found = tree_runs.run(rules)
  assert (found.simulations == tree_runs.SIMULATIONS).all()
  for n in range(tree_runs.PROBLEMS):
    nodes, _ = trees.problem(found.tree, n)
    first = nodes.first_child[0]
    children = slice(first, first + tree_runs.ROWS)
    assert nodes.visits[children].sum() == tree_runs.SIMULATIONS
    log = kept_apart(nodes, (found.leaves[n], found.values[n]))
    log[0].append(nodes.score[0])  # the prompt has an evaluation of its own
    for node, values in enumerate(log):
      assert nodes.visits[node] == len(values)
      if values:
        np.testing.assert_allclose(
          nodes.value[node], np.mean(values), rtol=1e-5
        )
    leaves = found.leaves[n]
    np.testing.assert_array_equal(found.values[n], nodes.score[leaves])


def test_a_prompt_is_worth_what_its_children_are():
  nodes = tree_runs.run(tree_runs.PUCT).tree.nodes
  np.testing.assert_allclose(
    nodes.score[:, 0],
    nodes.score[:, 1 : 1 + tree_runs.ROWS].mean(axis=1),
    rtol=1e-6,
  )


def test_one_simulation_is_one_step_of_the_policy():
  output = tree_runs.search(functools.partial(mcts.mcts, num_simulations=1))
  tree = tree_runs.run(tree_runs.PUCT, 1).tree
  plain = tree_runs.search(best_of_n.best_of_n)
  assert (tree.calls == 1).all()
  tokens = np.asarray(tree.store["tokens"])[:, 1 : 1 + tree_runs.ROWS, 0]
  np.testing.assert_array_equal(tokens, plain.embedding["tokens"][..., 0])
  # With a uniform prior the first child is visited.
  np.testing.assert_array_equal(
    output.embedding["tokens"][:, 0, 0], tokens[:, 0]
  )


@pytest.mark.parametrize("simulations", [1, 9])
def test_one_row_is_plain_sampling(simulations):
  method = functools.partial(mcts.mcts, num_simulations=simulations)
  output = tree_runs.search(method, rows=1)
  plain = tree_runs.search(best_of_n.best_of_n, rows=1)
  fields = ("embedding", "step_scores", "num_steps", "score", "chosen")
  for field in (*fields, "log_prob", "done", "log_weight", "cost"):
    jax.tree.map(
      functools.partial(np.testing.assert_allclose, rtol=1e-6),
      getattr(output, field),
      getattr(plain, field),
    )


def test_moves_go_on_below_the_committed_child():
  found = tree_runs.run(tree_runs.PUCT, 6, moves=3)
  assert found.tree.nodes.ended[
    np.arange(tree_runs.PROBLEMS), found.origin
  ].any()
  for n in range(tree_runs.PROBLEMS):
    nodes, _ = trees.problem(found.tree, n)
    way = trees.ancestors(nodes, found.origin[n])[::-1]
    for move, leaves in enumerate(found.leaves[n].reshape(3, 6)):
      begin = way[min(move, len(way) - 1)]
      for leaf in leaves[leaves >= 0]:
        assert begin in trees.ancestors(nodes, leaf)
      if move + 1 < len(way):
        children = nodes.first_child[begin] + np.arange(tree_runs.ROWS)
        assert way[move + 1] in children


def test_equal_children_share_a_branch():
  growth = tree_growth.Growth(same_fn=trees.same)
  found = tree_runs.run(mcts.puct_rules(growth))
  plain = tree_runs.run(tree_runs.PUCT)
  twins = 0
  for n in range(tree_runs.PROBLEMS):
    nodes, tokens = trees.problem(found.tree, n)
    np.testing.assert_array_equal(
      tokens[1 : 1 + tree_runs.ROWS],
      trees.problem(plain.tree, n)[1][1 : 1 + tree_runs.ROWS],
    )
    for first in nodes.first_child[nodes.first_child >= 0]:
      family = range(first, first + tree_runs.ROWS)
      prefixes = [trees.prefix(tokens[node]) for node in family]
      for node, own in zip(family, prefixes, strict=True):
        again = own in prefixes[: node - first]
        assert nodes.closed[node] == again
        share = 0 if again else prefixes.count(own) / tree_runs.ROWS
        np.testing.assert_allclose(nodes.prior[node], share, rtol=1e-6)
        assert nodes.visits[node] == 0 or not again
        twins += again
  assert twins > tree_runs.PROBLEMS


def test_noise_is_for_the_prompt_alone_and_the_problems_own():
  noisy = tree_growth.Growth(noise_fraction=0.25)
  found, plain = (
    tree_runs.run(mcts.puct_rules(noisy)),
    tree_runs.run(tree_runs.PUCT),
  )
  prior = found.tree.nodes.prior
  at_root = prior[:, 1 : 1 + tree_runs.ROWS]
  np.testing.assert_allclose(at_root.sum(axis=1), 1, rtol=1e-5)
  assert (at_root >= 0.75 / tree_runs.ROWS - 1e-6).all()
  assert len(np.unique(at_root[:, 0])) == tree_runs.PROBLEMS
  below = found.tree.nodes.depth > 1
  assert set(prior[below].tolist()) == {1 / tree_runs.ROWS}
  assert set(plain.tree.nodes.prior[:, 1 : 1 + tree_runs.ROWS].flat) == {
    1 / tree_runs.ROWS
  }


@pytest.mark.parametrize("word", [np.nan, -np.inf])
@pytest.mark.parametrize("name", tree_runs.METHODS)
def test_what_cannot_be_judged_is_not_visited(name, word):
  method, rules = tree_runs.METHODS[name]
  found = tree_runs.run(rules, table=tree_runs.failing(3, word))
  nodes = found.tree.nodes
  lost = ~np.isfinite(nodes.score) & (nodes.num_tokens > 0)
  assert lost.sum() > tree_runs.PROBLEMS
  assert (nodes.visits[lost] == 0).all()
  assert nodes.closed[lost].all()
  assert np.isfinite(nodes.value[nodes.visits > 0]).all()
  assert np.isfinite(nodes.score[:, 0]).all()
  output = tree_runs.search(method, tree_runs.failing(3, word))
  chosen = output.step_scores[np.arange(tree_runs.PROBLEMS), output.chosen]
  assert not np.isfinite(output.step_scores).all()
  assert (~np.isfinite(chosen)).any(axis=1).mean() < 0.5


@pytest.mark.parametrize("name", tree_runs.METHODS)
def test_a_verifier_that_always_fails_leaves_the_first_sample(name):
  output = tree_runs.search(tree_runs.METHODS[name][0], tree_runs.failing(1))
  plain = tree_runs.search(best_of_n.best_of_n)
  np.testing.assert_array_equal(output.chosen, 0)
  np.testing.assert_array_equal(
    output.embedding["tokens"][:, 0, 0], plain.embedding["tokens"][:, 0, 0]
  )
  assert output.done.all()


def test_surprise_moves_the_search():
  rule = tree_select.moderate_surprisal(
    tree_runs.PUCT.select, target=5.0, weight=100.0
  )
  found = tree_runs.run(
    tree_rules.Rules(select=rule, growth=tree_runs.PLAIN), 1
  )
  nodes = found.tree.nodes
  surprise = (
    -nodes.log_prob[:, 1 : 1 + tree_runs.ROWS]
    / nodes.num_tokens[:, 1 : 1 + tree_runs.ROWS]
  )
  expected = 1 + np.argmin(np.abs(surprise - 5), axis=1)
  np.testing.assert_array_equal(found.leaves[:, 0], expected)


@pytest.mark.parametrize(
  ("field", "options"),
  [
    ("simulations", {"num_simulations": 0}),
    ("moves", {"num_simulations": 1, "num_moves": 0}),
  ],
)
def test_a_budget_of_nothing_is_an_error(field, options):
  with pytest.raises(ValueError, match=field):
    tree_runs.search(functools.partial(mcts.mcts, **options))
