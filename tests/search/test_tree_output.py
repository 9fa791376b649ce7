"""The rows and the cost of a tree search, whatever keeps its nodes."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.search import base, tree_output, tree_solve
from prm_jax.search import tree as tree_lib
from tests.search import tabular, tree_runs, trees


def take_tokens(store, places):
  """A store of tokens alone: the rest of a row is read anew."""
  tokens = base.take(store, places)["tokens"]
  written = tokens >= 0
  length = jnp.sum(written, axis=2, dtype=jnp.int32)
  weight = 4 ** jnp.arange(tabular.LENGTH, dtype=jnp.int32)
  last = jnp.take_along_axis(
    tokens, jnp.maximum(length - 1, 0)[..., None], axis=2
  )[..., 0]
  return {
    "tokens": tokens,
    "length": length,
    "code": jnp.sum(jnp.where(written, (tokens + 1) * weight, 0), axis=2),
    "done": (length == tabular.LENGTH) | (last == tabular.END),
  }


def put_tokens(store, rows, places):
  tokens = {"tokens": rows["tokens"]}
  old = {"tokens": store["tokens"]}
  return store | base.put(old, tokens, places)


@pytest.mark.parametrize("name", tree_runs.METHODS)
def test_the_kind_of_store_changes_nothing(name):
  method, _ = tree_runs.METHODS[name]
  other = functools.partial(method, take_fn=take_tokens, put_fn=put_tokens)
  jax.tree.map(
    np.testing.assert_array_equal,
    tree_runs.search(other),
    tree_runs.search(method),
  )


@pytest.mark.parametrize("name", tree_runs.METHODS)
def test_rows_and_cost(name):
  """All rows count, and those are lost from which no final row descends."""
  method, rules = tree_runs.METHODS[name]
  output, found = tree_runs.search(method), tree_runs.run(rules, 6)
  spent, price = output.cost, np.array([1, 2, 5])
  np.testing.assert_array_equal(spent.slots, spent.depth * tree_runs.ROWS)
  writer = trees.writer(tree_runs.TABLE, tree_runs.PROBLEMS, tabular.step_fn)

  @tabular.jit
  def final(found):
    node = tree_solve.principal(writer, found, rules, tree_runs.ROWS)
    return node, tree_output.ends(found.tree.nodes, node, tree_runs.ROWS)

  node, (leaves, copies) = jax.device_get(final(found))
  np.testing.assert_array_equal(leaves[:, 0], node)
  np.testing.assert_array_equal(np.isneginf(output.log_weight), copies)
  for n in range(tree_runs.PROBLEMS):
    nodes, tokens = trees.problem(found.tree, n)
    searched = int(found.tree.cost.policy_tokens[n])
    # A look behind a leaf is no node.
    behind = searched - int(nodes.num_tokens.sum())
    assert (behind > 0) if name == "rest_mcts" else (behind == 0)
    begins = [trees.prefix(tokens[leaf]) for leaf in leaves[n]]
    rows = [trees.prefix(row) for row in output.embedding["tokens"][n]]
    completed = 0
    for begin, row in zip(begins, rows, strict=True):
      assert row[: len(begin)] == begin
      completed += price[list(row[len(begin) :])].sum()
    kept = {a for leaf in leaves[n] for a in trees.ancestors(nodes, leaf)}
    lost = searched - nodes.num_tokens[list(kept)].sum()
    assert spent.policy_tokens[n] == searched + completed
    assert spent.verifier_tokens[n] == searched + completed
    assert spent.discarded_tokens[n] == lost


@pytest.mark.parametrize("name", tree_runs.METHODS)
def test_rows_are_scored_as_they_stand(name):
  output = tree_runs.search(tree_runs.METHODS[name][0])
  assert output.done.all()
  for n in range(tree_runs.PROBLEMS):
    for m in range(tree_runs.ROWS):
      row = trees.prefix(output.embedding["tokens"][n, m])
      heads = [row[: k + 1] for k in range(len(row))]
      padding = [0] * (tabular.LENGTH - len(row))
      assert output.num_steps[n, m] == len(row)
      np.testing.assert_allclose(
        output.step_scores[n, m],
        [*map(tabular.prm, heads), *padding],
        rtol=1e-5,
      )
      log_prob = sum(np.log(tabular.policy(h[:-1])[h[-1]]) for h in heads)
      np.testing.assert_allclose(output.log_prob[n, m], log_prob, rtol=1e-5)


def test_the_best_row_by_score_may_be_chosen():
  method, _ = tree_runs.METHODS["mcts"]
  output = tree_runs.search(functools.partial(method, choose="score"))
  np.testing.assert_array_equal(output.chosen, output.score.argmax(axis=1))
  assert (output.chosen > 0).any()
  principal = tree_runs.search(method)
  np.testing.assert_array_equal(principal.chosen, 0)


def test_footprint():
  tree = tree_runs.run(tree_runs.PUCT).tree
  count, own, copied = tabular.jit(
    lambda tree: tree_lib.footprint(tree, tabular.LENGTH)
  )(tree)
  price = np.array([1, 2, 5])
  for n in range(tree_runs.PROBLEMS):
    _, tokens = trees.problem(tree, n)
    prefixes = [trees.prefix(t) for t in tokens[: tree.num_nodes[n]]]
    assert count[n] == len(prefixes)
    assert own[n] == sum(price[p[-1]] for p in prefixes if p)
    assert copied[n] == sum(price[list(p)].sum() for p in prefixes if p)
