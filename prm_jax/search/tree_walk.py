"""Ways through one tree: down to where a visit ends, and back up.

Functions of one problem, for jax.vmap: leaves of `nodes` are [M].
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array

from prm_jax.search import tree as tree_lib
from prm_jax.search import tree_backup, tree_select


def choose(scores: Array, allowed: Array) -> Array:
  """The best allowed child, the first one where all are equally bad."""
  scores = jnp.where(jnp.isnan(scores), -jnp.inf, scores)
  # Finite, so that a child that is allowed beats those that are not.
  scores = jnp.maximum(scores, jnp.finfo(scores.dtype).min)
  return jnp.argmax(jnp.where(allowed, scores, -jnp.inf)).astype(jnp.int32)


def descend(
  rng_key: Array,
  nodes: tree_lib.Nodes,
  origin: Array,
  rule: tree_select.SelectFn,
  num_children: int,
) -> Array:
  """The node without children, or at its end, that `rule` leads to."""

  def going(node):
    return (nodes.first_child[node] >= 0) & ~nodes.ended[node]

  def down(node):
    parent, children, places = tree_lib.family(nodes, node, num_children)
    scores = rule(rng_key, parent, children)
    return places[choose(scores, ~children.closed)]

  return jax.lax.while_loop(going, down, origin)


def principal(
  rng_key: Array,
  nodes: tree_lib.Nodes,
  origin: Array,
  rule: tree_select.SelectFn,
  num_children: int,
) -> Array:
  """As `descend`, but to where the search has found what it knows.

  Closed children count too: many are closed because all is known of them.
  """

  class At(NamedTuple):
    node: Array
    child: Array

  def step(node):
    parent, children, places = tree_lib.family(nodes, node, num_children)
    known = children.num_tokens > 0
    child = places[choose(rule(rng_key, parent, children), known)]
    return At(node, jnp.where(jnp.any(known), child, node))

  return jax.lax.while_loop(
    lambda at: at.child != at.node, lambda at: step(at.child), step(origin)
  ).node


def back_up(
  nodes: tree_lib.Nodes,
  leaf: Array,
  value: Array,
  rule: tree_backup.BackUpFn,
  num_children: int,
) -> tree_lib.Nodes:
  """One visit of `leaf`, whose evaluation is `value`."""

  def up(state):
    nodes, node, returns = state
    parent, children, _ = tree_lib.family(nodes, node, num_children)
    new, returns = rule(parent, children, returns)
    nodes = nodes._replace(
      value=nodes.value.at[node].set(new),
      visits=nodes.visits.at[node].add(1),
    )
    return nodes, nodes.parent[node], returns

  returns = tree_backup.Returns(value, jnp.zeros_like(value), jnp.int32(0))
  return _upwards(nodes, leaf, up, returns)


def close(
  nodes: tree_lib.Nodes, node: Array, num_children: int
) -> tree_lib.Nodes:
  """Closes every node from here up all of whose children are closed."""

  def up(state):
    nodes, node, _ = state
    parent, children, _ = tree_lib.family(nodes, node, num_children)
    over = (parent.first_child >= 0) & jnp.all(children.closed)
    closed = nodes.closed.at[node].set(parent.closed | over)
    return nodes._replace(closed=closed), parent.parent, ()

  return _upwards(nodes, node, up, ())


def _upwards(nodes, node, up, carried):
  """Carries what changes: the rest of the nodes stays outside the loop."""

  def body(state):
    (visits, value, closed), node, carried = state
    now = nodes._replace(visits=visits, value=value, closed=closed)
    now, node, carried = up((now, node, carried))
    return (now.visits, now.value, now.closed), node, carried

  start = (nodes.visits, nodes.value, nodes.closed), node, carried
  (visits, value, closed), _, _ = jax.lax.while_loop(
    lambda state: state[1] >= 0, body, start
  )
  return nodes._replace(visits=visits, value=value, closed=closed)
