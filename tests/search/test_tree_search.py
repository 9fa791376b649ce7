"""What holds of every tree: logs, stores, budgets, costs, odd children."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.search import (
  alpha_math,
  base,
  best_of_n,
  gumbel,
  i_mcts,
  mcts,
  rest_mcts,
  tree_growth,
  tree_output,
  tree_priors,
  tree_rules,
  tree_select,
  tree_solve,
)
from prm_jax.search import tree as tree_lib
from tests.search import tabular, trees

PROBLEMS, ROWS, SIMULATIONS = 16, 4, 12
TABLE = tabular.table(tokens=(1, 2, 5))
PLAIN = tree_growth.Growth()
PUCT = mcts.puct_rules(PLAIN)


def run(rules, simulations=SIMULATIONS, moves=1, table=TABLE, rows=ROWS):
  budget = tree_rules.Budget(simulations, moves, tabular.LENGTH)
  return jax.device_get(
    trees.search(table, rules, budget, tabular.step_fn, PROBLEMS, rows)
  )


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
    PUCT,
    gumbel.gumbel_rules(gumbel.Gumbel(SIMULATIONS, 4), PLAIN),
    alpha_math.alpha_math_rules(),
  ],
  ids=["puct", "gumbel", "alpha_math"],
)
def test_a_value_is_the_mean_of_the_evaluations_below(rules):
  found = run(rules)
  assert (found.simulations == SIMULATIONS).all()
  for n in range(PROBLEMS):
    nodes, _ = trees.problem(found.tree, n)
    first = nodes.first_child[0]
    children = slice(first, first + ROWS)
    assert nodes.visits[children].sum() == SIMULATIONS
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
  nodes = run(PUCT).tree.nodes
  np.testing.assert_allclose(
    nodes.score[:, 0], nodes.score[:, 1 : 1 + ROWS].mean(axis=1), rtol=1e-6
  )


def search(method, table=TABLE, rows=ROWS, step_fn=tabular.step_fn, **options):
  options = {"max_steps": tabular.LENGTH} | options
  return jax.device_get(
    tabular.jit(
      lambda: method(
        table,
        tabular.keys(PROBLEMS),
        tabular.root(PROBLEMS, rows),
        step_fn,
        **options,
      )
    )()
  )


def test_one_simulation_is_one_step_of_the_policy():
  output = search(mcts.mcts, num_simulations=1)
  tree = run(PUCT, 1).tree
  plain = search(best_of_n.best_of_n)
  assert (tree.calls == 1).all()
  tokens = np.asarray(tree.store["tokens"])[:, 1 : 1 + ROWS, 0]
  np.testing.assert_array_equal(tokens, plain.embedding["tokens"][..., 0])
  # With a uniform prior the first child is visited.
  np.testing.assert_array_equal(
    output.embedding["tokens"][:, 0, 0], tokens[:, 0]
  )


@pytest.mark.parametrize("simulations", [1, 3, 9])
def test_one_row_is_plain_sampling(simulations):
  output = search(mcts.mcts, rows=1, num_simulations=simulations)
  plain = search(best_of_n.best_of_n, rows=1)
  fields = ("embedding", "step_scores", "num_steps", "score", "chosen")
  for field in (*fields, "log_prob", "done", "log_weight", "cost"):
    jax.tree.map(
      functools.partial(np.testing.assert_allclose, rtol=1e-6),
      getattr(output, field),
      getattr(plain, field),
    )


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


@pytest.mark.parametrize("method", [mcts.mcts, rest_mcts.rest_mcts])
def test_the_kind_of_store_changes_nothing(method):
  copied = search(method, num_simulations=6)
  read_anew = search(
    method, num_simulations=6, take_fn=take_tokens, put_fn=put_tokens
  )
  jax.tree.map(np.testing.assert_array_equal, copied, read_anew)


METHODS = {
  "mcts": (mcts.mcts, PUCT),
  "rest_mcts": (rest_mcts.rest_mcts, rest_mcts.rest_mcts_rules()),
}


@pytest.mark.parametrize("name", METHODS)
def test_rows_and_cost(name):
  """All rows count, and those are lost from which no final row descends."""
  method, rules = METHODS[name]
  output, found = search(method, num_simulations=6), run(rules, 6)
  spent, price = output.cost, np.array([1, 2, 5])
  np.testing.assert_array_equal(spent.slots, spent.depth * ROWS)
  writer = trees.writer(TABLE, PROBLEMS, tabular.step_fn)

  @tabular.jit
  def final(found):
    node = tree_solve.principal(writer, found, rules, ROWS)
    return node, tree_output.ends(found.tree.nodes, node, ROWS)

  node, (leaves, copies) = jax.device_get(final(found))
  np.testing.assert_array_equal(leaves[:, 0], node)
  np.testing.assert_array_equal(np.isneginf(output.log_weight), copies)
  for n in range(PROBLEMS):
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


@pytest.mark.parametrize("name", METHODS)
def test_rows_are_scored_as_they_stand(name):
  output = search(METHODS[name][0], num_simulations=6)
  assert output.done.all()
  for n in range(PROBLEMS):
    for m in range(ROWS):
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
  output = search(mcts.mcts, num_simulations=6, choose="score")
  np.testing.assert_array_equal(output.chosen, output.score.argmax(axis=1))
  assert (output.chosen > 0).any()
  principal = search(mcts.mcts, num_simulations=6)
  np.testing.assert_array_equal(principal.chosen, 0)


def test_footprint():
  tree = run(PUCT).tree
  count, own, copied = tabular.jit(
    lambda tree: tree_lib.footprint(tree, tabular.LENGTH)
  )(tree)
  price = np.array([1, 2, 5])
  for n in range(PROBLEMS):
    _, tokens = trees.problem(tree, n)
    prefixes = [trees.prefix(t) for t in tokens[: tree.num_nodes[n]]]
    assert count[n] == len(prefixes)
    assert own[n] == sum(price[p[-1]] for p in prefixes if p)
    assert copied[n] == sum(price[list(p)].sum() for p in prefixes if p)


def test_moves_go_on_below_the_committed_child():
  found = run(PUCT, 6, moves=3)
  assert found.tree.nodes.ended[np.arange(PROBLEMS), found.origin].any()
  for n in range(PROBLEMS):
    nodes, _ = trees.problem(found.tree, n)
    way = trees.ancestors(nodes, found.origin[n])[::-1]
    for move, leaves in enumerate(found.leaves[n].reshape(3, 6)):
      begin = way[min(move, len(way) - 1)]
      for leaf in leaves[leaves >= 0]:
        assert begin in trees.ancestors(nodes, leaf)
      if move + 1 < len(way):
        children = nodes.first_child[begin] + np.arange(ROWS)
        assert way[move + 1] in children


def test_equal_children_share_a_branch():
  growth = tree_growth.Growth(same_fn=trees.same)
  found = run(mcts.puct_rules(growth))
  plain = run(PUCT)
  twins = 0
  for n in range(PROBLEMS):
    nodes, tokens = trees.problem(found.tree, n)
    np.testing.assert_array_equal(
      tokens[1 : 1 + ROWS], trees.problem(plain.tree, n)[1][1 : 1 + ROWS]
    )
    for first in nodes.first_child[nodes.first_child >= 0]:
      family = range(first, first + ROWS)
      prefixes = [trees.prefix(tokens[node]) for node in family]
      for node, own in zip(family, prefixes, strict=True):
        again = own in prefixes[: node - first]
        assert nodes.closed[node] == again
        share = 0 if again else prefixes.count(own) / ROWS
        np.testing.assert_allclose(nodes.prior[node], share, rtol=1e-6)
        assert nodes.visits[node] == 0 or not again
        twins += again
  assert twins > PROBLEMS


def test_noise_is_for_the_prompt_alone_and_the_problems_own():
  noisy = tree_growth.Growth(noise_fraction=0.25)
  found, plain = run(mcts.puct_rules(noisy), 4), run(PUCT, 4)
  prior = found.tree.nodes.prior
  at_root = prior[:, 1 : 1 + ROWS]
  np.testing.assert_allclose(at_root.sum(axis=1), 1, rtol=1e-5)
  assert (at_root >= 0.75 / ROWS - 1e-6).all()
  assert len(np.unique(at_root[:, 0])) == PROBLEMS
  below = found.tree.nodes.depth > 1
  assert set(prior[below].tolist()) == {1 / ROWS}
  assert set(plain.tree.nodes.prior[:, 1 : 1 + ROWS].flat) == {1 / ROWS}


def failing(share):
  """A table whose verifier says NaN of some prefixes."""

  def score(prefix):
    return (
      np.nan if tabular.encode(prefix) % share == 0 else tabular.prm(prefix)
    )

  return tabular.table(score_fn=score)


@pytest.mark.parametrize("name", METHODS)
def test_what_cannot_be_judged_is_not_visited(name):
  method, rules = METHODS[name]
  found = run(rules, table=failing(3))
  nodes = found.tree.nodes
  nan = np.isnan(nodes.score) & (nodes.num_tokens > 0)
  assert nan.sum() > PROBLEMS
  assert (nodes.visits[nan] == 0).all()
  assert nodes.closed[nan].all()
  assert np.isfinite(nodes.value[nodes.visits > 0]).all()
  output = search(method, failing(3), num_simulations=6)
  chosen = output.step_scores[np.arange(PROBLEMS), output.chosen]
  assert np.isnan(output.step_scores).any()
  assert np.isnan(chosen).any(axis=1).mean() < 0.5


@pytest.mark.parametrize("name", METHODS)
def test_a_verifier_that_always_fails_leaves_the_first_sample(name):
  output = search(METHODS[name][0], failing(1), num_simulations=6)
  plain = search(best_of_n.best_of_n)
  np.testing.assert_array_equal(output.chosen, 0)
  np.testing.assert_array_equal(
    output.embedding["tokens"][:, 0, 0], plain.embedding["tokens"][:, 0, 0]
  )
  assert output.done.all()


def test_surprise_moves_the_search():
  rule = tree_select.moderate_surprisal(PUCT.select, target=5.0, weight=100.0)
  found = run(tree_rules.Rules(select=rule, growth=PLAIN), 1)
  nodes = found.tree.nodes
  surprise = (
    -nodes.log_prob[:, 1 : 1 + ROWS] / nodes.num_tokens[:, 1 : 1 + ROWS]
  )
  expected = 1 + np.argmin(np.abs(surprise - 5), axis=1)
  np.testing.assert_array_equal(found.leaves[:, 0], expected)


def test_the_word_of_a_verifier_gives_way_to_what_is_found():
  children = family(
    visits=[0, 1, 3], score=[0.9, 0.9, 0.9], value=[0.0, 0, 0.3]
  )
  expected = [0.9, 0.2 / 1.2 * 0.9, 0.2 / 3.2 * 0.9 + 3 / 3.2 * 0.3]
  np.testing.assert_allclose(
    tree_select.hybrid(children, children), expected, rtol=1e-6
  )
  output = search(i_mcts.i_mcts, num_simulations=6, rollout_steps=2)
  assert output.done.all()


def family(visits, score, value):
  zeros = jnp.zeros(len(visits))
  count = jnp.zeros(len(visits), jnp.int32)
  nodes = tree_lib.Nodes(*(zeros for _ in tree_lib.Nodes._fields))
  return nodes._replace(
    visits=count + jnp.asarray(visits),
    score=zeros + jnp.asarray(score),
    value=zeros + jnp.asarray(value),
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


@pytest.mark.parametrize(
  ("field", "options"),
  [
    ("simulations", {"num_simulations": 0}),
    ("moves", {"num_simulations": 1, "num_moves": 0}),
    ("max_steps", {"num_simulations": 1, "max_steps": 0}),
  ],
)
def test_a_budget_of_nothing_is_an_error(field, options):
  with pytest.raises(ValueError, match=field):
    search(mcts.mcts, **options)
