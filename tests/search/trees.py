"""Step functions and helpers that the tests of tree search share."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from prm_jax.search import base, tree_search
from prm_jax.search import tree as tree_lib
from tests.search import tabular


def every_token(params, rng_keys, embedding, active=None):
  """Row a writes token a: all children, none drawn."""
  del rng_keys
  token = jnp.arange(embedding["length"].shape[1])
  token = jnp.broadcast_to(token, embedding["length"].shape)
  return tabular.write(params, token, embedding, active)


def by_length(params, rng_keys, embedding, active=None):
  """Tokens by inverse CDF of uniforms [B, T, N], at each row's own length."""
  del rng_keys
  model, uniforms = params
  cumulative = jnp.cumsum(jnp.exp(model.log_q[embedding["code"]]), axis=-1)
  step = jnp.minimum(embedding["length"], tabular.LENGTH - 1)
  uniform = jnp.take_along_axis(uniforms, step[:, None], axis=1)[:, 0]
  token = jnp.sum(uniform[..., None] >= cumulative[..., :-1], axis=-1)
  return tabular.write(model, token, embedding, active)


def same(embedding):
  """[B, N, N] rows of equal tokens."""
  tokens = embedding["tokens"]
  return jnp.all(tokens[:, :, None] == tokens[:, None], axis=-1)


def writer(params, problems, step_fn, take_fn=base.take, put_fn=base.put):
  return tree_lib.Writer(
    params, tabular.keys(problems), step_fn, take_fn, put_fn
  )


@functools.partial(
  tabular.jit,
  static_argnames=("rules", "budget", "step_fn", "problems", "rows"),
)
def search(params, rules, budget, step_fn, problems, rows):
  root = tabular.root(problems, rows)
  return tree_search.search(
    writer(params, problems, step_fn), root, rules, budget
  )


def family(visits, score, value):
  """Nodes of which nothing else is known."""
  zeros = jnp.zeros(len(visits))
  count = jnp.zeros(len(visits), jnp.int32)
  nodes = tree_lib.Nodes(*(zeros for _ in tree_lib.Nodes._fields))
  return nodes._replace(
    visits=count + jnp.asarray(visits),
    score=zeros + jnp.asarray(score),
    value=zeros + jnp.asarray(value),
  )


def problem(tree, index):
  """The nodes and the stored prefixes of one problem."""
  nodes = jax.tree.map(lambda x: np.asarray(x[index]), tree.nodes)
  return nodes, np.asarray(tree.store["tokens"][index])


def prefix(tokens):
  return tuple(int(token) for token in tokens if token >= 0)


def ancestors(nodes, node):
  """The node and all above it."""
  found = []
  while node >= 0:
    found.append(int(node))
    node = nodes.parent[node]
  return found


def assert_same_tree(nodes, tokens, expected, num_children, node=0):
  """A problem's tree is the reference's, objects against arrays."""
  assert prefix(tokens[node]) == expected.prefix
  assert nodes.visits[node] == expected.visits
  if expected.visits:
    np.testing.assert_allclose(
      nodes.value[node], expected.value, rtol=1e-4, atol=1e-6
    )
  first = nodes.first_child[node]
  assert (first >= 0) == bool(expected.children)
  for n, child in enumerate(expected.children):
    assert_same_tree(nodes, tokens, child, num_children, first + n)
