"""RAP: reasoning via planning, and its vote over the tree."""

import functools
from collections.abc import Callable
from typing import Literal, TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array

from prm_jax import types
from prm_jax.search import aggregate as aggregate_lib
from prm_jax.search import (
  base,
  ranking,
  tree_backup,
  tree_growth,
  tree_output,
  tree_rules,
  tree_select,
  tree_solve,
)
from prm_jax.search import tree as tree_lib

# `(output, rows) -> [B, N]` how sure the world model is of the new states.
ConfidenceFn: TypeAlias = Callable[[base.StepOutput, base.Embedding], Array]


def likelihood(output: base.StepOutput, rows: base.Embedding) -> Array:
  """The step's likelihood per token stands for the agreement of samples."""
  del rows
  return jnp.exp(output.log_prob / jnp.maximum(output.num_tokens, 1))


def rap(
  params: types.Params,
  rng_keys: types.PRNGKeys,
  root: base.Embedding,
  step_fn: base.StepFn,
  take_fn: base.TakeFn = base.take,
  put_fn: base.PutFn = base.put,
  *,
  num_simulations: int = 10,
  max_steps: int = 5,
  weight: float = 1.0,
  alpha: float = 0.5,
  confidence_fn: ConfidenceFn = likelihood,
  unknown: float = 0.8,
  same_fn: ranking.SameFn | None = None,
  choose: tree_output.Choose = "principal",
  aggregate: base.AggregateFn = aggregate_lib.last,
) -> base.SearchOutput:
  """UCT on rewards of steps, every simulation down to an end (2305.14992).

  A step's reward is useful^alpha * confidence^(1 - alpha); the verifier's
  score is how useful it is. A child that was not visited is judged with the
  confidence `unknown`. A simulation goes down to the end of a solution,
  expanding what it comes to, and Q is the best of the average rewards from a
  node to its visits' ends. Row 0 follows the best Q.

  Args:
    params: and up to `put_fn`: see `mcts`, M however is at most
      1 + N * num_simulations * max_steps; N is 4 in the paper.
    rng_keys: [B].
    root: N rows each.
    step_fn: writes and scores one step of every row; scores in [0, 1].
    take_fn: from the store.
    put_fn: to the store.
    num_simulations: visits of ends.
    max_steps: T, steps of a solution.
    weight: of the exploration.
    alpha: weight of usefulness.
    confidence_fn: of the new states, in [0, 1].
    unknown: confidence of a state before its first visit.
    same_fn: finds equal candidates, which then share one branch.
    choose: the row returned; rows are explained in `tree_output`.
    aggregate: step scores to one score per row.
  """
  rules = rap_rules(weight, alpha, confidence_fn, unknown, same_fn)
  return tree_solve.solve(
    tree_lib.Writer(params, rng_keys, step_fn, take_fn, put_fn),
    root,
    rules,
    tree_rules.Budget(num_simulations, 1, max_steps),
    aggregate=aggregate,
    choose=choose,
  )


def rap_rules(
  weight: float = 1.0,
  alpha: float = 0.5,
  confidence_fn: ConfidenceFn = likelihood,
  unknown: float = 0.8,
  same_fn: ranking.SameFn | None = None,
) -> tree_rules.Rules:
  """See `rap`."""

  def reward(output, parents, rows):
    del parents
    confidence = confidence_fn(output, rows)
    return useful(output.score) ** alpha * confidence ** (1 - alpha)

  def quality(parent, children):
    del parent
    fast = useful(children.score) ** alpha * unknown ** (1 - alpha)
    return jnp.where(children.visits > 0, children.value, fast)

  useful = lambda score: jnp.maximum(score, 0)
  return tree_rules.Rules(
    select=functools.partial(tree_select.uct, q_fn=quality, weight=weight),
    growth=tree_growth.Growth(
      reward=reward, root_score=0.0, root_visits=0, same_fn=same_fn
    ),
    back_up=tree_backup.best_average_reward,
    expand="all",
    commit=tree_select.best_value,
    worth=lambda nodes: quality(nodes, nodes),
  )


def vote(
  nodes: tree_lib.Nodes,
  answers: Array,
  max_steps: int,
  policy: Literal["edge", "edge_inverse_depth", "uniform"] = "edge",
) -> Array:
  """What each finished node's answer collects, [B, M]: RAP-aggregation.

  An answer collects the rewards of all steps on paths to it, each step once:
  as they are, over the mean depth of the answer's ends below the step, or 1
  for each end. The best entry is at a node with the best answer; nodes that
  are not finished have -inf. Only ends that were visited have a say.

  Args:
    nodes: of a search by `rap`.
    answers: [B, M] ids, equal for equal answers; read where a node is done.
    max_steps: T.
    policy: "edge" in the paper.
  """
  index = jnp.broadcast_to(jnp.arange(nodes.depth.shape[1]), answers.shape)
  way = tree_lib.path(nodes, index, max_steps)
  ends = nodes.done & (nodes.visits > 0)

  def collect(way, ends, answers, depth, reward):
    size = ends.shape[0]
    same = (answers[:, None] == answers[None, :]).astype(reward.dtype)
    if policy == "uniform":
      return same @ ends.astype(reward.dtype)
    # below[s, e]: end e lies at or behind step s.
    mark = lambda path: jnp.zeros(size, bool).at[path].set(True, mode="drop")
    below = jax.vmap(mark)(jnp.where(way >= 0, way, size)).T & ends
    below = below.astype(reward.dtype)
    count = below @ same  # [s, e] ends behind s with the answer of e
    share = jnp.where(count > 0, reward[:, None], 0)
    if policy == "edge":
      return jnp.sum(share, axis=0)
    deep = (below * depth) @ same
    return jnp.sum(share * count / jnp.maximum(deep, 1), axis=0)

  total = jax.vmap(collect)(way, ends, answers, nodes.depth, nodes.reward)
  return jnp.where(ends, total, -jnp.inf)
