"""Which child a search goes to, by the statistics of the family.

`(rng_key, parent, children) -> scores [A]`: the best child that is not closed
is taken, ties to the lowest index. Leaves of `parent` are [], of `children`
[A]; the key is the search's own, the same at every call. N, Q and P are
visits, backed-up value and prior of a child.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import jax.numpy as jnp
from jaxtyping import Array

from prm_jax.search import tree as tree_lib

SelectFn: TypeAlias = Callable[[Array, tree_lib.Nodes, tree_lib.Nodes], Array]
# `(parent, children) -> Q [A]`, with a word for children without visits.
QFn: TypeAlias = Callable[[tree_lib.Nodes, tree_lib.Nodes], Array]


def raw(
  parent: tree_lib.Nodes, children: tree_lib.Nodes, unvisited: float = 0.0
) -> Array:
  """The backed-up value as it is; `unvisited` before the first visit."""
  del parent
  return jnp.where(children.visits > 0, children.value, unvisited)


def known(parent: tree_lib.Nodes, children: tree_lib.Nodes) -> Array:
  """The backed-up value, the verifier's score before the first visit."""
  del parent
  return jnp.where(children.visits > 0, children.value, children.score)


def between_siblings(parent: tree_lib.Nodes, children: tree_lib.Nodes) -> Array:
  """Between the smallest and largest of V(parent) and the Q: MuZero's."""
  mctx = _mctx()
  return mctx.qtransform_by_parent_and_siblings(view(parent, children), 0)


def gain(
  parent: tree_lib.Nodes, children: tree_lib.Nodes, discount: float = 1.0
) -> Array:
  """Reward of the step and what follows it."""
  return children.reward + discount * raw(parent, children)


def hybrid(
  parent: tree_lib.Nodes, children: tree_lib.Nodes, weight: float = 0.2
) -> Array:
  """k / (n + k) of the verifier's word, the rest backed up (2502.14693)."""
  share = weight / (children.visits + weight)
  return share * children.score + (1 - share) * raw(parent, children)


def puct(
  rng_key: Array,
  parent: tree_lib.Nodes,
  children: tree_lib.Nodes,
  *,
  q_fn: QFn = between_siblings,
  c_init: float = 1.25,
  c_base: float = 19652.0,
) -> Array:
  """Q + c P sqrt(N_parent) / (1 + N), c growing with log N (1911.08265).

  c_base inf keeps c = c_init, as AlphaMath has it (2405.03553).
  """
  del rng_key
  c = c_init + jnp.log1p((parent.visits + 1) / c_base)
  explore = jnp.sqrt(parent.visits) * children.prior / (1 + children.visits)
  return q_fn(parent, children) + c * explore


def ucb(
  rng_key: Array,
  parent: tree_lib.Nodes,
  children: tree_lib.Nodes,
  *,
  c: float = 0.7,
  unvisited: float = 1.0,
) -> Array:
  """Q + c sqrt(2 ln N_parent / N), before a visit score + `unvisited`.

  ReST-MCTS*'s (2406.03816).
  """
  del rng_key
  explore = _log_ratio(parent.visits, children.visits)
  return jnp.where(
    children.visits > 0,
    children.value + c * jnp.sqrt(2 * explore),
    children.score + unvisited,
  )


def uct(
  rng_key: Array,
  parent: tree_lib.Nodes,
  children: tree_lib.Nodes,
  *,
  q_fn: QFn,
  weight: float = 1.0,
  least: float = 1.0,
) -> Array:
  """Q + w sqrt(ln N_parent / max(N, least)): RAP's (2305.14992)."""
  del rng_key
  explore = _log_ratio(parent.visits, children.visits, least)
  return q_fn(parent, children) + weight * jnp.sqrt(explore)


def most_visited(
  rng_key: Array,
  parent: tree_lib.Nodes,
  children: tree_lib.Nodes,
  *,
  q_fn: QFn = known,
) -> Array:
  """The child with the most visits, the best Q among equals."""
  del rng_key
  value = q_fn(parent, children)
  alive = children.num_tokens > 0
  visits = jnp.where(alive, children.visits, -1)
  # A NaN that is alone is still a child.
  value = jnp.where(jnp.isnan(value), jnp.finfo(value.dtype).min, value)
  return jnp.where(visits == jnp.max(visits), value, -jnp.inf)


def best_value(
  rng_key: Array, parent: tree_lib.Nodes, children: tree_lib.Nodes
) -> Array:
  """The child with the best Q, of those that were visited if any was."""
  del rng_key
  visited = children.visits > 0
  value = known(parent, children)
  return jnp.where(visited | ~jnp.any(visited), value, -jnp.inf)


def moderate_surprisal(
  rule: SelectFn, target: float, weight: float = 1.0
) -> SelectFn:
  """`rule` - weight * (S - target)^2, S the step's surprisal per token.

  After COS(M+O)S (2501.17104), which looks for steps that are neither
  predictable nor incoherent; the paper's own form is not public.

  Args:
    rule: scores the children.
    target: nats per token that are best.
    weight: per squared nat.
  """

  def select(rng_key, parent, children):
    scores = rule(rng_key, parent, children)
    return scores - weight * immoderation(children, target)

  return select


def immoderation(nodes: tree_lib.Nodes, target: float) -> Array:
  """(S - target)^2, S the surprisal of the nodes' steps per token."""
  surprisal = -nodes.log_prob / jnp.maximum(nodes.num_tokens, 1)
  return (surprisal - target) ** 2


def view(
  parent: tree_lib.Nodes, children: tree_lib.Nodes, extra_data: Any = ()
) -> Any:
  """The family as an mctx.Tree of one node, for that library's functions."""
  mctx = _mctx()
  one = lambda leaf: jnp.asarray(leaf)[None]
  prior = jnp.log(jnp.maximum(children.prior, 1e-30))
  closed = children.closed
  return mctx.Tree(
    node_visits=one(parent.visits),
    raw_values=one(parent.score),
    node_values=one(parent.value),
    parents=one(parent.parent),
    action_from_parent=one(jnp.zeros_like(parent.parent)),
    children_index=one(jnp.zeros_like(children.parent)),
    children_prior_logits=one(jnp.where(closed, -1e9, prior)),
    children_visits=one(children.visits),
    children_rewards=one(jnp.zeros_like(children.value)),
    children_discounts=one(jnp.ones_like(children.value)),
    children_values=one(jnp.where(children.visits > 0, children.value, 0)),
    embeddings=(),
    root_invalid_actions=closed.astype(jnp.int32),
    extra_data=extra_data,
  )


def _log_ratio(above: Array, visits: Array, least: float = 1.0) -> Array:
  """ln N_parent / N, safe before the first visits."""
  return jnp.log(jnp.maximum(above, 1)) / jnp.maximum(visits, least)


def _mctx():
  """Imported where it is needed: the other rules do without."""
  import mctx

  return mctx
