"""I-MCTS: what a verifier foretells gives way to what was found."""

import functools

from jaxtyping import ArrayLike

from prm_jax import types
from prm_jax.search import aggregate as aggregate_lib
from prm_jax.search import (
  base,
  ranking,
  tree_growth,
  tree_output,
  tree_rules,
  tree_select,
  tree_solve,
)
from prm_jax.search import tree as tree_lib


def i_mcts(
  params: types.Params,
  rng_keys: types.PRNGKeys,
  root: base.Embedding,
  step_fn: base.StepFn,
  take_fn: base.TakeFn = base.take,
  put_fn: base.PutFn = base.put,
  *,
  num_simulations: int,
  max_steps: int,
  weight: float = 2.0,
  prior_visits: float = 0.2,
  root_score: ArrayLike | None = None,
  rollout_steps: int = 0,
  rollout_weight: float = 1.0,
  same_fn: ranking.SameFn | None = None,
  choose: tree_output.Choose = "principal",
  aggregate: base.AggregateFn = aggregate_lib.last,
) -> base.SearchOutput:
  """UCT on k / (n + k) of the verifier's word, the rest found (2502.14693).

  The word is the verifier's score of a child before any visit. What is found
  is the mean of the visits' evaluations: with `rollout_steps` the best score
  seen behind a leaf, which stands for executing it. The published method also
  writes children by looking at parent and siblings, which is the business of
  the step function.

  Args:
    params: and up to `put_fn`: see `mcts`.
    rng_keys: [B].
    root: N rows each.
    step_fn: writes and scores one step of every row.
    take_fn: from the store.
    put_fn: to the store.
    num_simulations: visits.
    max_steps: T, steps of a solution.
    weight: of sqrt(ln N_parent / max(N, k)).
    prior_visits: k.
    root_score: verifier's score of the prompt; None: its children's average.
    rollout_steps: steps written behind a leaf; 0: its score is all.
    rollout_weight: share of the best score there in the evaluation.
    same_fn: finds equal candidates, which then share one branch.
    choose: the row returned; rows are explained in `tree_output`.
    aggregate: step scores to one score per row.
  """
  rules = tree_rules.Rules(
    select=functools.partial(
      tree_select.uct,
      q_fn=functools.partial(tree_select.hybrid, weight=prior_visits),
      weight=weight,
      least=prior_visits,
    ),
    growth=tree_growth.Growth(root_score=root_score, same_fn=same_fn),
    rollout_steps=rollout_steps,
    rollout_weight=rollout_weight,
  )
  return tree_solve.solve(
    tree_lib.Writer(params, rng_keys, step_fn, take_fn, put_fn),
    root,
    rules,
    tree_rules.Budget(num_simulations, 1, max_steps),
    aggregate=aggregate,
    choose=choose,
  )
