"""A search tree over reasoning steps: its nodes, and how they are written.

A node is a prefix. Its rows live in a store, an embedding of M rows per
problem of which search loads some (`base.TakeFn`), extends them by a step and
puts the children back (`base.PutFn`). Search never looks inside, so a store
of copied caches and one of page tables give the same tree.

Node 0 is the prompt. An expansion writes all N rows at once: the children of
one node are neighbours. Behind the M nodes lie N scratch rows, for steps that
do not become nodes.

Axis letters besides those of `types`: M nodes, A children of a node.
"""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array

from prm_jax import types
from prm_jax.search import base, loop

NONE = -1  # no such node


class Nodes(NamedTuple):
  """What search knows of each node.

  All leaves are [B, M]; [M] inside one problem, [] for one node and [A] for
  the children of one. `closed` is what a search must not go to: nothing is
  left to find there, or a judge that failed or an equal sibling says so.
  """

  parent: Array  # int32, NONE for the prompt and unused nodes
  first_child: Array  # int32, NONE: not expanded
  depth: Array  # int32 steps
  score: Array  # verifier's score of the prefix
  reward: Array  # of the step, for rules that use one
  prior: Array  # weight among the siblings
  log_prob: Array  # log q of the step's tokens
  log_ratio: Array  # log p - log q of the step's tokens
  num_tokens: Array  # int32 tokens of the step, 0 for no node
  done: Array  # bool, the solution has ended
  ended: Array  # bool, done or at the step budget
  closed: Array  # bool
  visits: Array  # int32
  value: Array  # what was backed up; meaningless without visits


class Tree(NamedTuple):
  """The trees of a batch of problems."""

  nodes: Nodes
  store: base.Embedding  # M + N rows
  num_nodes: Array  # [B] int32, the prompt included
  calls: Array  # [B] int32 steps written, the index of the next one's key
  waiting: Array  # [B] bool, rows are inside a step
  cost: base.Cost  # of all rows written so far


@dataclasses.dataclass(frozen=True, eq=False)
class Writer:
  """The arguments of every search method, of which search sees the calls."""

  params: types.Params
  rng_keys: types.PRNGKeys
  step_fn: base.StepFn
  take_fn: base.TakeFn
  put_fn: base.PutFn


class Written(NamedTuple):
  """One call of a step function."""

  output: base.StepOutput
  rows: base.Embedding
  wrote: Array  # [B, N] bool, the row has written its whole step
  ready: Array  # [B] bool, the step of this problem has ended


def num_rows(writer: Writer, root: base.Embedding) -> int:
  """N, the rows that a step function writes of each problem."""
  output, _ = jax.eval_shape(
    writer.step_fn, writer.params, writer.rng_keys, root
  )
  return output.score.shape[1]


def start(
  writer: Writer,
  root: base.Embedding,
  num_expansions: int,
) -> Tree:
  """A tree of the prompt alone, with room for so many expansions."""
  output, _ = jax.eval_shape(
    writer.step_fn, writer.params, writer.rng_keys, root
  )
  problems, num_rows = output.score.shape
  size = 1 + num_expansions * num_rows
  whole = lambda value: jnp.full((problems, size), value, jnp.int32)
  real = jnp.zeros((problems, size), output.score.dtype)
  none = jnp.zeros((problems, size), bool)
  nodes = Nodes(
    parent=whole(NONE),
    first_child=whole(NONE),
    depth=whole(0),
    score=real,
    reward=real,
    prior=real,
    log_prob=real.astype(output.log_prob.dtype),
    log_ratio=real.astype(output.log_ratio.dtype),
    num_tokens=whole(0),
    done=none,
    ended=none,
    closed=none,
    visits=whole(0),
    value=real,
  )
  count = jnp.zeros(problems, jnp.int32)
  first = jnp.zeros((problems, size + num_rows), jnp.int32)
  return Tree(
    nodes=nodes,
    # XLA would copy empty caches while it compiles, for minutes.
    store=writer.take_fn(jax.lax.optimization_barrier(root), first),
    num_nodes=count + 1,
    calls=count,
    waiting=jnp.zeros(problems, bool),
    cost=base.Cost(*(count for _ in base.Cost._fields)),
  )


def write(
  writer: Writer, tree: Tree, sources: Array, places: Array
) -> tuple[Tree, Written]:
  """One step of every row, from one place of the store to another.

  A problem whose step has not ended goes on at the next call, which must name
  the same sources and places: its rows wait at the latter.

  Args:
    writer: calls the models.
    tree: before.
    sources: [B, N] int32 the prefix each row extends; NONE: an idle row.
    places: [B, N] int32 where it is put.
  """
  on = sources >= 0
  going = jnp.any(on, axis=1)
  load = jnp.where(tree.waiting[:, None], places, sources)
  rows = writer.take_fn(tree.store, jnp.where(on, load, 0))
  keys = loop.step_keys(writer.rng_keys, tree.calls)
  output, rows = writer.step_fn(writer.params, keys, rows, on)
  ready = going & output.ready
  nowhere = tree.nodes.depth.shape[1] + on.shape[1]
  tree = tree._replace(
    store=writer.put_fn(tree.store, rows, jnp.where(on, places, nowhere)),
    calls=tree.calls + ready,
    waiting=going & ~ready,
    cost=tree.cost.after(output, going, ready),
  )
  wrote = ready[:, None] & on & (output.num_tokens > 0)
  return tree, Written(output, rows, wrote, ready)


def take_nodes(nodes: Nodes, places: Array) -> Nodes:
  """The nodes at `places` [B, ...]; any that is NONE gives node 0."""
  gather = jax.vmap(lambda leaf, place: leaf[place])
  places = jnp.maximum(places, 0)
  return jax.tree.map(lambda leaf: gather(leaf, places), nodes)


def family(
  nodes: Nodes, node: Array, num_children: int
) -> tuple[Nodes, Nodes, Array]:
  """One node of one problem, its children, and where these are, [A].

  Children of a node that has none are node 0 with `num_tokens` 0.
  """
  at = lambda places: jax.tree.map(lambda leaf: leaf[places], nodes)
  parent = at(node)
  places = parent.first_child + jnp.arange(num_children)
  some = parent.first_child >= 0
  children = at(jnp.where(some, places, 0))
  return (
    parent,
    children._replace(num_tokens=jnp.where(some, children.num_tokens, 0)),
    places,
  )


def path(nodes: Nodes, leaves: Array, max_steps: int) -> Array:
  """[B, N, T] the nodes from each leaf's first step on, NONE behind it."""
  steps = jnp.arange(max_steps)

  def back(node, _):
    depth = take_nodes(nodes, node).depth
    up = take_nodes(nodes, node).parent
    return jnp.where(node > 0, up, 0), (node, depth)

  _, (found, depth) = jax.lax.scan(back, leaves, None, length=max_steps)
  here = depth[..., None] == steps + 1  # [T found, B, N, T]
  here &= (found > 0)[..., None]
  return jnp.max(jnp.where(here, found[..., None], NONE), axis=0)


def footprint(tree: Tree, max_steps: int) -> tuple[Array, Array, Array]:
  """What the nodes of each problem hold, all [B] int32.

  Nodes; tokens where a node holds its own step, as with shared pages; and
  tokens where it holds its whole prefix, as with copied caches.
  """
  nodes = tree.nodes
  size = nodes.depth.shape[1]
  every = jnp.broadcast_to(jnp.arange(size), nodes.depth.shape)
  way = path(nodes, every, max_steps)
  own = nodes.num_tokens
  flat = way.reshape(way.shape[0], -1)
  tokens = take_nodes(nodes, flat).num_tokens
  prefix = jnp.sum(jnp.where(flat >= 0, tokens, 0), axis=1)
  return tree.num_nodes, jnp.sum(own, axis=1), prefix
