"""ReST-MCTS*, a tree search guided by a process reward model."""

import functools

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


def rest_mcts(
  params: types.Params,
  rng_keys: types.PRNGKeys,
  root: base.Embedding,
  step_fn: base.StepFn,
  take_fn: base.TakeFn = base.take,
  put_fn: base.PutFn = base.put,
  *,
  num_simulations: int,
  max_steps: int,
  c_ucb: float = 0.7,
  unvisited: float = 1.0,
  rollout_steps: int = 3,
  rollout_rows: int = 1,
  rollout_weight: float = 0.5,
  gate: float | None = 0.9,
  same_fn: ranking.SameFn | None = None,
  choose: tree_output.Choose = "principal",
  aggregate: base.AggregateFn = aggregate_lib.last,
) -> base.SearchOutput:
  """Expands the leaf of the best upper bound, looks behind its best child.

  A simulation (arXiv 2406.03816) goes down by V + c sqrt(2 ln N_parent / N),
  writes the N children of the leaf it comes to, and follows the best of them
  for a few steps, of which none is kept:
  V <- (1 - a) V + a max V of these steps. An expanded node is worth its
  children's V weighted by visits. A leaf whose V passes the gate ends the
  search, and is row 0; else that follows the best V.

  The paper's code lets a critic end branches; here only a verifier's NaN does.

  Args:
    params: and up to `put_fn`: see `mcts`; N is 3 in the paper.
    rng_keys: [B].
    root: N rows each.
    step_fn: writes and scores one step of every row; scores in [0, 1].
    take_fn: from the store.
    put_fn: to the store.
    num_simulations: at most; each that is not at a solution expands a node.
    max_steps: T, steps of a solution.
    c_ucb: weight of the bound.
    unvisited: a child without visits is worth its score + this.
    rollout_steps: steps behind the best child; 0: none.
    rollout_rows: candidates for each of them, the best is followed; at most N.
    rollout_weight: a.
    gate: None: none.
    same_fn: finds equal candidates, which then share one branch.
    choose: the row returned; rows are explained in `tree_output`.
    aggregate: step scores to one score per row.
  """
  rules = rest_mcts_rules(
    c_ucb=c_ucb,
    unvisited=unvisited,
    rollout_steps=rollout_steps,
    rollout_rows=rollout_rows,
    rollout_weight=rollout_weight,
    gate=gate,
    same_fn=same_fn,
  )
  return tree_solve.solve(
    tree_lib.Writer(params, rng_keys, step_fn, take_fn, put_fn),
    root,
    rules,
    tree_rules.Budget(num_simulations, 1, max_steps),
    aggregate=aggregate,
    choose=choose,
  )


def rest_mcts_rules(
  *,
  c_ucb: float = 0.7,
  unvisited: float = 1.0,
  rollout_steps: int = 3,
  rollout_rows: int = 1,
  rollout_weight: float = 0.5,
  gate: float | None = 0.9,
  same_fn: ranking.SameFn | None = None,
) -> tree_rules.Rules:
  """See `rest_mcts`."""
  return tree_rules.Rules(
    select=functools.partial(tree_select.ucb, c=c_ucb, unvisited=unvisited),
    growth=tree_growth.Growth(root_visits=0, same_fn=same_fn),
    back_up=tree_backup.visited_children,
    expand="once",
    commit=tree_select.best_value,
    rollout_steps=rollout_steps,
    rollout_rows=rollout_rows,
    rollout_weight=rollout_weight,
    gate=gate,
  )
