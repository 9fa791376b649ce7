"""AlphaMath's tree search."""

import functools

from jaxtyping import ArrayLike

from prm_jax import types
from prm_jax.search import aggregate as aggregate_lib
from prm_jax.search import (
  base,
  ranking,
  tree_growth,
  tree_output,
  tree_priors,
  tree_rules,
  tree_select,
  tree_solve,
)
from prm_jax.search import tree as tree_lib


def alpha_math_mcts(
  params: types.Params,
  rng_keys: types.PRNGKeys,
  root: base.Embedding,
  step_fn: base.StepFn,
  take_fn: base.TakeFn = base.take,
  put_fn: base.PutFn = base.put,
  *,
  num_simulations: int = 40,
  max_steps: int = 8,
  c_puct: float = 1.25,
  root_score: ArrayLike | None = None,
  same_fn: ranking.SameFn | None = None,
  choose: tree_output.Choose = "principal",
  aggregate: base.AggregateFn = aggregate_lib.last,
) -> base.SearchOutput:
  """PUCT on likelihoods per token, each solution visited once (2405.03553).

  Q + c P sqrt(N_parent) / (1 + N) with Q = 0 before the first visit and P the
  exponential of the step's mean log-probability. A solution that was visited
  is passed over, and so is a prefix all of whose children are. Row 0 follows
  the best Q. At a solution as elsewhere the score is the evaluation; for
  training give a step function that scores solutions by their truth, +-1.

  The public code evaluates a solution when it is written; here it is visited
  like any other child, so that visits count simulations.

  Args:
    params: and up to `put_fn`: see `mcts`; N is 5 in the paper.
    rng_keys: [B].
    root: N rows each.
    step_fn: of a policy at temperature 0.6 in the paper.
    take_fn: from the store.
    put_fn: to the store.
    num_simulations: visits.
    max_steps: T, steps of a solution.
    c_puct: weight of the prior.
    root_score: verifier's score of the prompt; None: its children's average.
    same_fn: finds equal candidates, which then share one branch.
    choose: the row returned; rows are explained in `tree_output`.
    aggregate: step scores to one score per row.
  """
  rules = alpha_math_rules(c_puct, root_score, same_fn)
  return tree_solve.solve(
    tree_lib.Writer(params, rng_keys, step_fn, take_fn, put_fn),
    root,
    rules,
    tree_rules.Budget(num_simulations, 1, max_steps),
    aggregate=aggregate,
    choose=choose,
  )


def alpha_math_rules(
  c_puct: float = 1.25,
  root_score: ArrayLike | None = None,
  same_fn: ranking.SameFn | None = None,
) -> tree_rules.Rules:
  """See `alpha_math_mcts`."""
  return tree_rules.Rules(
    select=functools.partial(
      tree_select.puct,
      q_fn=tree_select.raw,
      c_init=c_puct,
      c_base=float("inf"),
    ),
    growth=tree_growth.Growth(
      prior=tree_priors.likelihood, root_score=root_score, same_fn=same_fn
    ),
    revisit=False,
    commit=tree_select.best_value,
  )
