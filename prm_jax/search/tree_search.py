"""The loop of all searches that walk down a tree from its root.

A simulation walks down by a rule, expands the node it comes to where the
method says so, and backs up the evaluation of the leaf it ends at. Children
are judged when they are written, so visiting one costs no call of a model:
problems simulate on their own until each of them has a step to write, and
then all write at once.
"""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array

from prm_jax.search import base, buffers, tree_growth, tree_rules, tree_walk
from prm_jax.search import tree as tree_lib


class Rollout(NamedTuple):
  """Steps behind a leaf; all [B]."""

  left: Array  # int32 steps to write, 0: none is under way
  leaf: Array  # int32
  source: Array  # int32 place in the store
  depth: Array  # int32
  best: Array  # best score so far, -inf before the first


class Search(NamedTuple):
  """The carry of the loop."""

  tree: tree_lib.Tree
  simulations: Array  # [B] int32 finished ones
  cursor: Array  # [B] int32 node to expand, or NONE
  fresh: Array  # [B] bool, this simulation has written children
  origin: Array  # [B] int32 where walks begin
  found: Array  # [B] int32 the node that passed the gate, or NONE
  full: Array  # [B] bool, a node could not be expanded for want of room
  rollout: Rollout
  leaves: Array  # [B, simulations] int32 the leaf each simulation ended at
  values: Array  # [B, simulations] what it was worth


def search(
  writer: tree_lib.Writer,
  root: base.Embedding,
  rules: tree_rules.Rules,
  budget: tree_rules.Budget,
) -> Search:
  """Grows the trees of all problems.

  Args:
    writer: the models.
    root: embedding of the prompts with A rows each: the children of a node.
    rules: the method.
    budget: where it ends.
  """
  engine = _Engine(writer, rules, budget, tree_lib.num_rows(writer, root))
  return jax.lax.while_loop(
    lambda search: jnp.any(engine.going(search)),
    lambda search: engine.walks(engine.write(search)),
    engine.walks(_start(writer, root, rules, budget)),
  )


def _start(
  writer: tree_lib.Writer,
  root: base.Embedding,
  rules: tree_rules.Rules,
  budget: tree_rules.Budget,
) -> Search:
  for name, value in budget._asdict().items():
    if value < 1:
      raise ValueError(f"{name} must be at least 1, got {value}")
  total = budget.simulations * budget.moves
  deep = budget.max_steps if rules.expand == "all" else 1
  tree = tree_lib.start(writer, root, total * deep)
  count = jnp.zeros_like(tree.num_nodes)
  score = tree.nodes.score
  rollout = Rollout(count, count, count, count, score[:, 0])
  leaves = jnp.full((count.shape[0], total), tree_lib.NONE, jnp.int32)
  return Search(
    tree=tree,
    simulations=count,
    cursor=count + tree_lib.NONE,
    fresh=count > 0,
    origin=count,
    found=count + tree_lib.NONE,
    full=count > 0,
    rollout=rollout,
    leaves=leaves,
    values=jnp.zeros(leaves.shape, score.dtype),
  )


@dataclasses.dataclass(frozen=True, eq=False)
class _Engine:
  """The loop's parts."""

  writer: tree_lib.Writer
  rules: tree_rules.Rules
  budget: tree_rules.Budget
  num_children: int

  def going(self, search: Search) -> Array:
    """[B] problems that are not over."""
    nodes = search.tree.nodes
    total = self.budget.simulations * self.budget.moves
    at = tree_lib.take_nodes(nodes, search.origin)
    over = at.closed | at.ended | search.full | (search.found >= 0)
    return (search.simulations < total) & ~over

  def idle(self, search: Search) -> Array:
    """[B] problems that may walk: no step of theirs is to be written."""
    writing = (search.cursor >= 0) | (search.rollout.left > 0)
    return self.going(search) & ~writing

  def walks(self, search: Search) -> Search:
    """Walks until every problem has a step to write or is over."""
    store = search.tree.store
    light = search._replace(tree=search.tree._replace(store=()))
    light = jax.lax.while_loop(
      lambda search: jnp.any(self.idle(search)), self.walk, light
    )
    return light._replace(tree=light.tree._replace(store=store))

  def walk(self, search: Search) -> Search:
    """One way down in every idle problem."""
    nodes, idle = search.tree.nodes, self.idle(search)
    descend = lambda key, nodes, origin: tree_walk.descend(
      key, nodes, origin, self.rules.select, self.num_children
    )
    node = jax.vmap(descend)(self.writer.rng_keys, nodes, search.origin)
    at = tree_lib.take_nodes(nodes, node)
    expands = idle & ~at.ended & self._expands(search, node, at)
    if self.rules.gate is not None:
      value = jnp.where(at.visits > 0, at.value, at.score)
      passed = idle & ~search.fresh & (node > 0) & (value >= self.rules.gate)
      search = search._replace(found=jnp.where(passed, node, search.found))
      idle, expands = idle & ~passed, expands & ~passed
    ends = idle & ~expands
    # A node whose children are all closed costs a walk another expansion.
    room = search.tree.num_nodes + self.num_children <= nodes.depth.shape[1]
    search = search._replace(
      full=search.full | (expands & ~room),
      cursor=jnp.where(expands & room, node, search.cursor),
    )
    if self.rules.rollout_steps > 0:
      rolls = ends & ~at.ended
      search = search._replace(
        rollout=self._roll(search.rollout, rolls, node, at.depth)
      )
      ends = ends & ~rolls
    return self.back_up(search, ends, node, at.score)

  def _expands(self, search: Search, node: Array, at: tree_lib.Nodes) -> Array:
    """Whether a node without children gets them before it counts."""
    if self.rules.expand == "all":
      return jnp.ones_like(search.fresh)
    if self.rules.expand == "once":
      return ~search.fresh
    return (at.visits > 0) | (node == 0)

  def _roll(
    self, rollout: Rollout, rolls: Array, leaf: Array, depth: Array
  ) -> Rollout:
    """Begins to look behind a leaf."""
    steps = jnp.full_like(leaf, self.rules.rollout_steps)
    none = jnp.full_like(rollout.best, -jnp.inf)
    return buffers.where(
      rolls, Rollout(steps, leaf, leaf, depth, none), rollout
    )

  def write(self, search: Search) -> Search:
    """One step of every problem: children, or a step behind a leaf."""
    tree, rollout = search.tree, search.rollout
    size = tree.nodes.depth.shape[1]
    rows = jnp.arange(self.num_children)
    grows, rolls = search.cursor >= 0, rollout.left > 0
    sources = jnp.where(grows, search.cursor, tree_lib.NONE)[:, None]
    begin = jnp.where(grows, tree.num_nodes, size)[:, None]
    sources = jnp.broadcast_to(sources, (grows.shape[0], rows.shape[0]))
    on = rolls[:, None] & (rows < self.rules.rollout_rows)
    sources = jnp.where(on, rollout.source[:, None], sources)
    tree, written = tree_lib.write(self.writer, tree, sources, begin + rows)
    parents = jnp.where(grows, search.cursor, tree_lib.NONE)[:, None]
    tree = tree_growth.grow(
      tree,
      written._replace(ready=written.ready & grows),
      parents,
      self.rules.growth,
      self.writer.rng_keys,
      self.budget.max_steps,
    )
    close = lambda nodes, node: tree_walk.close(nodes, node, self.num_children)
    at = jnp.where(written.ready, parents[:, 0], tree_lib.NONE)
    tree = tree._replace(nodes=jax.vmap(close)(tree.nodes, at))
    search = search._replace(
      tree=tree,
      cursor=jnp.where(written.ready, tree_lib.NONE, search.cursor),
      fresh=search.fresh | (written.ready & grows),
    )
    if self.rules.rollout_steps == 0:
      return search
    return self._look(search, written, rolls & written.ready)

  def _look(
    self, search: Search, written: tree_lib.Written, ready: Array
  ) -> Search:
    """Takes in a step behind a leaf; after the last one the leaf counts."""
    rollout, size = search.rollout, search.tree.nodes.depth.shape[1]
    score = jnp.where(written.wrote, written.output.score, -jnp.inf)
    score = jnp.where(jnp.isnan(score), -jnp.inf, score)
    row = jnp.argmax(score, axis=1)
    pick = lambda x: jnp.take_along_axis(x, row[:, None], axis=1)[:, 0]
    depth = rollout.depth + 1
    over = pick(written.output.done) | ~pick(written.wrote)
    over |= depth >= self.budget.max_steps
    after = Rollout(
      left=jnp.where(over, 0, rollout.left - 1),
      leaf=rollout.leaf,
      source=size + row,
      depth=depth,
      best=jnp.maximum(rollout.best, pick(score)),
    )
    rollout = buffers.where(ready, after, rollout)
    own = tree_lib.take_nodes(search.tree.nodes, rollout.leaf).score
    seen = jnp.where(jnp.isneginf(rollout.best), own, rollout.best)
    value = own + self.rules.rollout_weight * (seen - own)
    search = search._replace(rollout=rollout)
    ends = ready & (rollout.left == 0)
    return self.back_up(search, ends, rollout.leaf, value)

  def back_up(
    self, search: Search, ends: Array, leaf: Array, value: Array
  ) -> Search:
    """Finishes the simulation of the problems in `ends`."""
    nodes = search.tree.nodes
    start = jnp.where(ends, leaf, tree_lib.NONE)
    back_up = lambda nodes, leaf, value: tree_walk.back_up(
      nodes, leaf, value, self.rules.back_up, self.num_children
    )
    nodes = jax.vmap(back_up)(nodes, start, value)
    if not self.rules.revisit:
      nodes = self._close_ends(nodes, start)
    enter = lambda log, new: buffers.put_step(
      log, search.simulations, new, ends
    )
    search = search._replace(
      tree=search.tree._replace(nodes=nodes),
      simulations=search.simulations + ends,
      fresh=search.fresh & ~ends,
      leaves=enter(search.leaves, leaf),
      values=enter(search.values, value),
    )
    return self._move(search, ends) if self.budget.moves > 1 else search

  def _close_ends(self, nodes: tree_lib.Nodes, leaf: Array) -> tree_lib.Nodes:
    """Nothing more is to be learnt of a solution that was visited."""
    size = nodes.closed.shape[1]
    ended = tree_lib.take_nodes(nodes, leaf).ended & (leaf >= 0)
    here = ended[:, None] & (jnp.arange(size) == leaf[:, None])
    nodes = nodes._replace(closed=nodes.closed | here)
    above = jnp.where(ended, tree_lib.take_nodes(nodes, leaf).parent, leaf)
    close = lambda nodes, node: tree_walk.close(nodes, node, self.num_children)
    return jax.vmap(close)(nodes, above)

  def _move(self, search: Search, ends: Array) -> Search:
    """Commits to a step where the simulations of a move are spent."""
    nodes = search.tree.nodes
    due = ends & (search.simulations % self.budget.simulations == 0)

    def child(key, nodes, node):
      parent, children, places = tree_lib.family(nodes, node, self.num_children)
      scores = self.rules.commit(key, parent, children)
      place = places[tree_walk.choose(scores, children.num_tokens > 0)]
      return jnp.where(parent.first_child >= 0, place, node)

    best = jax.vmap(child)(self.writer.rng_keys, nodes, search.origin)
    return search._replace(origin=jnp.where(due, best, search.origin))
