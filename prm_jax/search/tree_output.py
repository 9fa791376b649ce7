"""Solutions out of a search tree.

Row 0 is what the search stands for. Behind it come the other prefixes at
which the tree ends: finished ones first, by worth, then the rest. Prefixes
that are not finished are completed by sampling, all in one go, so every row
is a solution as long as the step budget lasts. Where the tree has fewer ends
than there are rows, unfinished ones are completed more than once; finished
ones are repeated, and such copies have log_weight -inf.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array

from prm_jax.search import base, lineage, loop, ranking, tree_select
from prm_jax.search import tree as tree_lib

# Row 0, or the best finished row by its aggregate.
Choose: TypeAlias = Literal["principal", "score"]


# `nodes -> [B, M]`, what each prefix is worth.
WorthFn: TypeAlias = Callable[[tree_lib.Nodes], Array]


class _Completion(NamedTuple):
  tree: tree_lib.Tree
  rows: loop.Rows
  going: Array  # [B, N] bool
  tokens: Array  # [B] int32 written here


def known(nodes: tree_lib.Nodes) -> Array:
  """The backed-up value, the verifier's score before the first visit."""
  return tree_select.known(nodes, nodes)


def by_score(nodes: tree_lib.Nodes) -> Array:
  """The verifier's score, where values are of what follows a prefix."""
  return nodes.score


def read_out(
  writer: tree_lib.Writer,
  tree: tree_lib.Tree,
  principal: Array,
  *,
  max_steps: int,
  num_rows: int,
  aggregate: base.AggregateFn,
  choose: Choose = "principal",
  worth: WorthFn = known,
) -> base.SearchOutput:
  """Completes the rows and chooses one.

  Args:
    writer: the models; rows are completed with the keys of the steps that
      follow the search's own.
    tree: as the search has left it.
    principal: [B] the node of row 0.
    max_steps: T.
    num_rows: N, as in the root.
    aggregate: step scores to one score per row.
    choose: the solution returned. A row that is not finished is returned only
      if none is.
    worth: ranks the prefixes.
  """
  leaves, copies = ends(tree.nodes, principal, num_rows, worth)
  rows, kept_tokens = _rows(tree.nodes, leaves, max_steps)
  done = _complete(writer, tree, leaves, rows, max_steps)
  rows, cost = done.rows, done.tree.cost
  score = aggregate(rows.step_scores, rows.num_steps)
  order = -lineage.identity(score).astype(score.dtype)
  ranked = score if choose == "score" else order
  zeros = jnp.zeros_like(score)
  # Rows of a prompt that was at its end are no copies of a solution.
  idle = copies & (rows.num_steps > 0) & (leaves >= 0)
  return base.SearchOutput(
    embedding=writer.take_fn(done.tree.store, _scratch(tree.nodes, leaves)),
    step_scores=rows.step_scores,
    num_steps=rows.num_steps,
    score=score,
    chosen=ranking.best(ranked, 1, [~rows.done])[:, 0],
    log_weight=jnp.where(idle, -jnp.inf, zeros),
    log_evidence=zeros[:, 0],
    ess=jnp.zeros_like(rows.step_scores[:, 0]),
    ancestors=jnp.repeat(lineage.identity(score)[:, None], max_steps, axis=1),
    done=rows.done,
    log_prob=rows.log_prob,
    log_ratio=rows.log_ratio,
    cost=cost._replace(
      discarded_tokens=cost.policy_tokens - kept_tokens - done.tokens
    ),
  )


def ends(
  nodes: tree_lib.Nodes,
  principal: Array,
  num_rows: int,
  worth: WorthFn = known,
) -> tuple[Array, Array]:
  """The nodes of the rows, [B, N], and which are copies of finished rows."""
  size = nodes.depth.shape[1]
  index = jnp.broadcast_to(jnp.arange(size), nodes.depth.shape)
  own = index == principal[:, None]
  leaf = (nodes.first_child < 0) & (nodes.num_tokens > 0)
  found = jnp.sum(leaf | own, axis=1, keepdims=True)
  # Twins and what the verifier could not judge, if nothing else is left.
  twin = nodes.closed & (nodes.visits == 0)
  order = ranking.best(
    worth(nodes), min(num_rows, size), [~own, ~(leaf | own), twin, ~nodes.done]
  )
  # More rows than ends: start over, unfinished ones are completed anew.
  rows = jnp.arange(num_rows)
  place = rows % jnp.clip(found, 1, order.shape[1])
  leaves = jnp.take_along_axis(order, place, axis=1)
  done = tree_lib.take_nodes(nodes, leaves).done
  return leaves, (rows >= found) & done


def _rows(
  nodes: tree_lib.Nodes, leaves: Array, max_steps: int
) -> tuple[loop.Rows, Array]:
  """The rows as the tree knows them, and the tokens of all their steps."""
  way = tree_lib.path(nodes, leaves, max_steps)
  flat = way.reshape(way.shape[0], -1)
  on = flat >= 0
  along = tree_lib.take_nodes(nodes, flat)
  steps = lambda leaf: jnp.where(on, leaf, 0).reshape(way.shape)
  at = tree_lib.take_nodes(nodes, leaves)
  size = nodes.depth.shape[1]
  mark = jax.vmap(
    lambda place: jnp.zeros(size, bool).at[place].set(True, mode="drop")
  )
  kept = mark(jnp.where(on, flat, size))
  rows = loop.Rows(
    step_scores=steps(along.score),
    num_steps=at.depth,
    last_score=at.score,
    done=at.done,
    log_prob=jnp.sum(steps(along.log_prob), axis=2),
    log_ratio=jnp.sum(steps(along.log_ratio), axis=2),
  )
  return rows, jnp.sum(jnp.where(kept, nodes.num_tokens, 0), axis=1)


def _complete(
  writer: tree_lib.Writer,
  tree: tree_lib.Tree,
  leaves: Array,
  rows: loop.Rows,
  max_steps: int,
) -> _Completion:
  """Samples the unfinished rows to their ends."""
  scratch = _scratch(tree.nodes, leaves)
  found = writer.take_fn(tree.store, leaves)
  tree = tree._replace(store=writer.put_fn(tree.store, found, scratch))

  def body(state):
    rows, going = state.rows, state.going
    sources = jnp.where(going, scratch, tree_lib.NONE)
    tree, written = tree_lib.write(writer, state.tree, sources, scratch)
    rows = _append(rows, written)
    ended = rows.done | (rows.num_steps >= max_steps) | ~written.wrote
    tokens = jnp.where(written.wrote, written.output.num_tokens, 0)
    return _Completion(
      tree=tree,
      rows=rows,
      going=going & ~(written.ready[:, None] & ended),
      tokens=state.tokens + jnp.sum(tokens, axis=1),
    )

  going = ~rows.done & (rows.num_steps < max_steps)
  start = _Completion(tree, rows, going, jnp.zeros_like(tree.calls))
  return jax.lax.while_loop(lambda state: jnp.any(state.going), body, start)


def _scratch(nodes: tree_lib.Nodes, leaves: Array) -> Array:
  """Places of the store that are no nodes, one per row."""
  return nodes.depth.shape[1] + lineage.identity(leaves)


def _append(rows: loop.Rows, written: tree_lib.Written) -> loop.Rows:
  """The rows after a step, each at a depth of its own."""
  output, wrote = written.output, written.wrote
  here = jnp.arange(rows.step_scores.shape[2]) == rows.num_steps[..., None]
  score = jnp.where(
    here & wrote[..., None], output.score[..., None], rows.step_scores
  )
  add = lambda total, new: total + jnp.where(wrote, new, 0)
  return loop.Rows(
    step_scores=score,
    num_steps=rows.num_steps + wrote,
    last_score=jnp.where(wrote, output.score, rows.last_score),
    done=rows.done | (written.ready[:, None] & output.done),
    log_prob=add(rows.log_prob, output.log_prob),
    log_ratio=add(rows.log_ratio, output.log_ratio),
  )
