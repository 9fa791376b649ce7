"""MCTS-DPO: a search that commits step by step and yields preferences."""

import functools
from typing import NamedTuple

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
  tree_priors,
  tree_rules,
  tree_select,
  tree_solve,
  tree_walk,
)
from prm_jax.search import tree as tree_lib


class Pairs(NamedTuple):
  """The best and the worst child at each depth of a path; all [B, T]."""

  better: Array  # int32 node, NONE where there is no pair
  worse: Array  # int32
  gap: Array  # difference of Q


def mcts_dpo(
  params: types.Params,
  rng_keys: types.PRNGKeys,
  root: base.Embedding,
  step_fn: base.StepFn,
  take_fn: base.TakeFn = base.take,
  put_fn: base.PutFn = base.put,
  *,
  num_simulations: int,
  max_steps: int,
  num_moves: int | None = None,
  weight: float = 1.0,
  power: float = 1.25,
  discount: float = 1.0,
  same_fn: ranking.SameFn | None = None,
  choose: tree_output.Choose = "principal",
  aggregate: base.AggregateFn = aggregate_lib.last,
) -> base.SearchOutput:
  """Searches, commits to a step, and searches on from there (2405.00451).

  PUCT with Q = r + discount * V, r the gain in score by a step and P the
  step's likelihood, exp(log q / length^power). The published code searches
  four times as long before the first step; here all moves are alike.

  Args:
    params: and up to `put_fn`: see `mcts`.
    rng_keys: [B].
    root: N rows each.
    step_fn: writes and scores one step of every row.
    take_fn: from the store.
    put_fn: to the store.
    num_simulations: visits before each commitment.
    max_steps: T, steps of a solution.
    num_moves: None: T, so that a solution is committed to step by step.
    weight: of the prior.
    power: of the length in the prior.
    discount: of what follows a step.
    same_fn: finds equal candidates, which then share one branch.
    choose: the row returned; rows are explained in `tree_output`.
    aggregate: step scores to one score per row.
  """
  rules = mcts_dpo_rules(weight, power, discount, same_fn)
  moves = max_steps if num_moves is None else num_moves
  return tree_solve.solve(
    tree_lib.Writer(params, rng_keys, step_fn, take_fn, put_fn),
    root,
    rules,
    tree_rules.Budget(num_simulations, moves, max_steps),
    aggregate=aggregate,
    choose=choose,
  )


def mcts_dpo_rules(
  weight: float = 1.0,
  power: float = 1.25,
  discount: float = 1.0,
  same_fn: ranking.SameFn | None = None,
) -> tree_rules.Rules:
  """See `mcts_dpo`."""

  def reward(output, parents, rows):
    del rows
    return output.score - parents.score

  # V is what follows a step: 0 behind an end, whose gain is on the step to it.
  quality = functools.partial(tree_select.gain, discount=discount)
  return tree_rules.Rules(
    select=functools.partial(
      tree_select.puct,
      q_fn=quality,
      c_init=weight,
      c_base=float("inf"),
    ),
    growth=tree_growth.Growth(
      prior=functools.partial(tree_priors.likelihood, power=power),
      reward=reward,
      root_visits=0,
      same_fn=same_fn,
    ),
    back_up=functools.partial(tree_backup.future_rewards, discount=discount),
    commit=functools.partial(tree_select.most_visited, q_fn=quality),
    worth=tree_output.by_score,
  )


def pairs(
  nodes: tree_lib.Nodes,
  leaf: Array,
  num_children: int,
  max_steps: int,
  discount: float = 1.0,
) -> Pairs:
  """Preferences along the path to `leaf` [B]: by Q, of visited children.

  The Q of a child is reward + discount * value, with the search's discount;
  for rules without rewards its value. A depth with fewer than two visited
  children has no pair.
  """

  def one(nodes, way):
    parents = jnp.where(way >= 0, nodes.parent[jnp.maximum(way, 0)], -1)

    def at(parent):
      node = jnp.maximum(parent, 0)
      above, children, places = tree_lib.family(nodes, node, num_children)
      on = (children.visits > 0) & (children.num_tokens > 0) & (parent >= 0)
      q = tree_select.gain(above, children, discount)
      better = tree_walk.choose(q, on)
      worse = tree_walk.choose(-q, on)
      some = jnp.sum(on) > 1
      return Pairs(
        jnp.where(some, places[better], tree_lib.NONE),
        jnp.where(some, places[worse], tree_lib.NONE),
        jnp.where(some, q[better] - q[worse], 0),
      )

    return jax.vmap(at)(parents)

  way = tree_lib.path(nodes, leaf[:, None], max_steps)[:, 0]
  return jax.vmap(one)(nodes, way)
