"""Best-first search: expands the best open ends, wherever they are."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike

from prm_jax import types
from prm_jax.search import aggregate as aggregate_lib
from prm_jax.search import (
  base,
  ranking,
  tree_backup,
  tree_frontier,
  tree_growth,
  tree_output,
  tree_walk,
)
from prm_jax.search import tree as tree_lib


class Frontier(NamedTuple):
  """The carry of the loop."""

  tree: tree_lib.Tree
  cursors: Array  # [B, K] int32 nodes being expanded, NONE: none


def best_first(
  params: types.Params,
  rng_keys: types.PRNGKeys,
  root: base.Embedding,
  step_fn: base.StepFn,
  take_fn: base.TakeFn = base.take,
  put_fn: base.PutFn = base.put,
  *,
  num_rounds: int,
  max_steps: int,
  perspectives: Sequence[tree_frontier.FrontierFn] = (tree_frontier.score,),
  enough: int | None = None,
  root_score: ArrayLike = 0.0,
  same_fn: ranking.SameFn | None = None,
  choose: tree_output.Choose = "score",
  aggregate: base.AggregateFn = aggregate_lib.last,
) -> base.SearchOutput:
  """Expands, in each round, the best node in each of K perspectives.

  With one perspective, the verifier's score, this is the search of Tree-PLV
  (2407.00390); with several that of MPS-Prover (2505.10962), where heuristics
  save the search from the blind spots of its critic. Where two of them agree
  the later one takes its next best. Row 0 is the best end by score, finished
  ones first.

  Args:
    params: and up to `put_fn`: see `mcts`; M = 1 + N * num_rounds.
    rng_keys: [B].
    root: N = K * A rows each, A children of each of K nodes.
    step_fn: writes and scores one step of every row.
    take_fn: from the store.
    put_fn: to the store.
    num_rounds: calls of the policy for steps, at most.
    max_steps: T, steps of a solution.
    perspectives: see `tree_frontier`.
    enough: finished solutions that end the search; None: no number does.
    root_score: verifier's score of the prompt.
    same_fn: finds equal siblings, which then share one branch.
    choose: the row returned; rows are explained in `tree_output`.
    aggregate: step scores to one score per row.
  """
  writer = tree_lib.Writer(params, rng_keys, step_fn, take_fn, put_fn)
  growth = tree_growth.Growth(
    root_score=root_score, root_visits=0, same_fn=same_fn
  )
  tree = expand_frontier(
    writer, root, growth, num_rounds, max_steps, tuple(perspectives), enough
  )
  nodes = tree.nodes
  ends = (nodes.first_child < 0) & (nodes.num_tokens > 0)
  best = ranking.best(nodes.score, 1, [~ends, ~nodes.done])[:, 0]
  return tree_output.read_out(
    writer,
    tree,
    jnp.where(jnp.any(ends, axis=1), best, 0),
    max_steps=max_steps,
    num_rows=tree_lib.num_rows(writer, root),
    aggregate=aggregate,
    choose=choose,
  )


def expand_frontier(
  writer: tree_lib.Writer,
  root: base.Embedding,
  growth: tree_growth.Growth,
  num_rounds: int,
  max_steps: int,
  perspectives: tuple[tree_frontier.FrontierFn, ...],
  enough: int | None = None,
) -> tree_lib.Tree:
  """The tree of `best_first`; each child's score is backed up as a visit."""
  if num_rounds < 1 or max_steps < 1:
    raise ValueError(
      f"num_rounds {num_rounds} and max_steps {max_steps} must be positive"
    )
  num_rows, width = tree_lib.num_rows(writer, root), len(perspectives)
  if width < 1 or num_rows % width:
    raise ValueError(f"{num_rows} rows for {width} perspectives")
  tree = tree_lib.start(writer, root, num_rounds)

  def going(frontier):
    return jnp.any(frontier.cursors >= 0, axis=1)

  def body(frontier):
    tree, cursors = frontier
    sources = jnp.repeat(cursors, num_rows // width, axis=1)
    places = tree.num_nodes[:, None] + jnp.arange(num_rows)
    tree, written = tree_lib.write(writer, tree, sources, places)
    tree = tree_growth.grow(
      tree, written, cursors, growth, writer.rng_keys, max_steps
    )
    new = jnp.where(written.wrote, places, tree_lib.NONE)
    tree = tree._replace(nodes=_visit(tree.nodes, new, num_rows // width))
    chosen = _pick(tree, num_rounds, perspectives, enough)
    ready = written.ready | ~going(frontier)
    return Frontier(tree, jnp.where(ready[:, None], chosen, cursors))

  first = _pick(tree, num_rounds, perspectives, enough)
  return jax.lax.while_loop(
    lambda frontier: jnp.any(going(frontier)), body, Frontier(tree, first)
  ).tree


def _pick(
  tree: tree_lib.Tree,
  num_rounds: int,
  perspectives: tuple[tree_frontier.FrontierFn, ...],
  enough: int | None,
) -> Array:
  """The nodes to expand, [B, K]; NONE where the search is over."""
  nodes = tree.nodes
  index = jnp.arange(nodes.depth.shape[1])
  real = (nodes.num_tokens > 0) | (index == 0)
  open_ends = real & (nodes.first_child < 0) & ~nodes.ended & ~nodes.closed
  going = tree.calls < num_rounds
  if enough is not None:
    going &= jnp.sum(nodes.done & real & ~nodes.closed, axis=1) < enough
  open_ends &= going[:, None]
  picked = []
  for perspective in perspectives:
    rank = jax.vmap(perspective)(nodes)
    best = ranking.best(rank, 1, [~open_ends])[:, 0]
    some = jnp.take_along_axis(open_ends, best[:, None], axis=1)[:, 0]
    picked.append(jnp.where(some, best, tree_lib.NONE))
    open_ends &= index != picked[-1][:, None]
  return jnp.stack(picked, axis=1)


def _visit(
  nodes: tree_lib.Nodes, children: Array, num_children: int
) -> tree_lib.Nodes:
  """Backs up the score of each new child, [B, N] with NONE for none."""

  def visit(nodes, child):
    judged = (child >= 0) & ranking.judged(nodes.score[child])
    nodes = tree_walk.back_up(
      nodes,
      jnp.where(judged, child, tree_lib.NONE),
      nodes.score[child],
      tree_backup.mean,
      num_children,
    )
    return nodes, None

  scan = lambda nodes, children: jax.lax.scan(visit, nodes, children)[0]
  return jax.vmap(scan)(nodes, children)
