"""Published numbers: trees of the library mctx, tables of halving."""

import functools

import jax
import jax.numpy as jnp
import mctx
import numpy as np
import pytest

from prm_jax.search import (
  base,
  gumbel,
  mcts,
  tree_growth,
  tree_priors,
  tree_rules,
  tree_search,
  tree_solve,
)
from prm_jax.search import tree as tree_lib
from tests.search import tabular, trees

ROOT = tabular.value(())
GROWTH = tree_growth.Growth(
  prior=functools.partial(tree_priors.policy, power=0.0), root_score=ROOT
)
MODEL = tabular.table(score_fn=tabular.value)


RAW = mcts.puct_rules(GROWTH, q="raw")
SIBLINGS = mcts.puct_rules(GROWTH)


def search(rules, simulations):
  budget = tree_rules.Budget(simulations, 1, tabular.LENGTH)
  return trees.search(MODEL, rules, budget, trees.every_token, 1, 3)


def root_of(search):
  nodes, _ = trees.problem(search.tree, 0)
  return tree_lib.family(jax.tree.map(jnp.asarray, nodes), jnp.int32(0), 3)


@pytest.mark.parametrize(
  ("simulations", "visits", "value"),
  [(32, (29, 0, 3), 0.680638), (128, (122, 0, 6), 0.848535)],
)
def test_puct_with_values_as_they_are(simulations, visits, value):
  parent, children, _ = root_of(search(RAW, simulations))
  assert tuple(children.visits.tolist()) == visits
  np.testing.assert_allclose(parent.value, value, atol=1e-6)


def recurrent(params, rng_key, action, embedding):
  """The tabular model as mctx knows models: the score of an end is reward."""
  del rng_key
  was = embedding["done"]
  rows = jax.tree.map(lambda x: x[:, None], embedding)
  output, rows = tabular.write(params, action[:, None], rows)
  rows = jax.tree.map(lambda x: x[:, 0], rows)
  score, done = output.score[:, 0], rows["done"]
  return mctx.RecurrentFnOutput(
    reward=jnp.where(done & ~was, score, 0),
    discount=jnp.where(done, 0.0, 1.0),
    prior_logits=params.log_p[rows["code"]],
    value=jnp.where(done, 0, score),
  ), rows


@pytest.mark.parametrize("simulations", [32, 128])
def test_puct_between_siblings_is_that_of_mctx(simulations):
  root = mctx.RootFnOutput(
    prior_logits=MODEL.log_p[:1],
    value=jnp.full(1, ROOT, jnp.float32),
    embedding=jax.tree.map(lambda x: x[:, 0], tabular.root(1, 1)),
  )
  expected = tabular.jit(
    lambda: (
      mctx.muzero_policy(
        MODEL,
        jax.random.key(0),
        root,
        recurrent,
        simulations,
        max_depth=tabular.LENGTH,
        dirichlet_fraction=0.0,
      ).search_tree
    )
  )()
  nodes, _ = trees.problem(search(SIBLINGS, simulations).tree, 0)

  def compare(node, theirs):
    """Down all expanded nodes: mctx expands ends too, we do not."""
    assert nodes.visits[node] == expected.node_visits[0, theirs]
    np.testing.assert_allclose(
      nodes.value[node], expected.node_values[0, theirs], rtol=1e-5
    )
    seen = 1
    if nodes.first_child[node] < 0:
      return seen
    for action in range(3):
      child = nodes.first_child[node] + action
      visits = expected.children_visits[0, theirs, action]
      assert nodes.visits[child] == visits
      if visits and not nodes.done[child]:
        index = expected.children_index[0, theirs, action]
        seen += compare(child, int(index))
    return seen

  assert compare(0, 0) == 4


@pytest.mark.parametrize(
  ("simulations", "visits", "action"), [(8, (3, 4, 1), 1), (32, (14, 13, 5), 0)]
)
def test_gumbel_without_noise(simulations, visits, action):
  settings = gumbel.Gumbel(simulations, 3, scale=0.0)
  rules = gumbel.gumbel_rules(settings, GROWTH)
  found = search(rules, simulations)
  parent, children, places = root_of(found)
  assert tuple(children.visits.tolist()) == visits
  writer = trees.writer(MODEL, 1, trees.every_token)
  node = tabular.jit(lambda: tree_solve.principal(writer, found, rules, 3))()
  nodes, _ = trees.problem(found.tree, 0)
  assert trees.ancestors(nodes, int(node[0]))[-2] == places[action]
  if simulations == 32:
    np.testing.assert_allclose(
      children.value, [0.806485, 0.972958, 0], atol=1e-6
    )
    np.testing.assert_allclose(
      tabular.jit(lambda: gumbel.improved_policy(settings, parent, children))(),
      [0.783913, 0.213135, 0.002952],
      atol=1e-6,
    )


def bandit(params, rng_keys, embedding, active=None):
  """Every row ends at once, with a score of its own."""
  del rng_keys
  on = ~embedding["done"] & (True if active is None else active)
  rows = jnp.arange(on.shape[1])
  one = on.astype(jnp.int32)
  return base.StepOutput(
    score=jnp.broadcast_to(params[rows], on.shape),
    log_prob=jnp.zeros(on.shape),
    log_ratio=jnp.zeros(on.shape),
    num_tokens=one,
    verifier_tokens=one,
    done=embedding["done"] | on,
    iterations=jnp.max(one, axis=1),
    ready=jnp.ones(on.shape[0], bool),
    cut=jnp.zeros(on.shape, bool),
  ), {"done": embedding["done"] | on, "tokens": one[..., None]}


HALVING = {
  (4, 16): [0] * 4 + [1] * 4 + [2, 2, 3, 3, 4, 4, 5, 5],
  (4, 8): [0, 0, 0, 0, 1, 1, 2, 2],
  (8, 16): [0] * 8 + [1] * 4 + [2, 2, 3, 3],
}


@pytest.mark.parametrize(("considered", "simulations"), HALVING)
def test_halving_visits_by_the_table(considered, simulations):
  """Visits that the child of each simulation had before it."""
  rules = gumbel.gumbel_rules(
    gumbel.Gumbel(simulations, considered), tree_growth.Growth()
  )
  arms = jnp.sin(jnp.arange(8.0))
  root = {"done": jnp.zeros((2, 8), bool)}
  root["tokens"] = jnp.zeros((2, 8, 1), jnp.int32)
  search = jax.jit(
    lambda: tree_search.search(
      trees.writer(arms, 2, bandit),
      root,
      rules,
      tree_rules.Budget(simulations, 1, 3),
    )
  )()
  for leaves in np.asarray(search.leaves):
    before = [int(sum(leaves[:n] == leaf)) for n, leaf in enumerate(leaves)]
    assert before == HALVING[considered, simulations]
    assert len(set(leaves.tolist())) == considered
  assert (search.tree.calls == 1).all()


def optimum(prefix):
  """1 if some way on is correct."""
  if tabular.done(prefix):
    return float(tabular.is_correct(prefix))
  return max(optimum((*prefix, token)) for token in range(3))


@pytest.mark.parametrize("score_fn", [optimum, tabular.value])
def test_exact_values_lead_to_a_correct_solution(score_fn):
  output = tabular.jit(
    lambda: mcts.mcts(
      tabular.table(score_fn=score_fn),
      tabular.keys(4),
      tabular.root(4, 3),
      trees.every_token,
      num_simulations=48,
      max_steps=tabular.LENGTH,
    )
  )()
  first = np.asarray(output.embedding["tokens"])[:, 0, 0]
  assert all(optimum((int(token),)) == 1 for token in first)
  chosen = tabular.correct(output.embedding)[np.arange(4), output.chosen]
  np.testing.assert_array_equal(chosen, 1)
