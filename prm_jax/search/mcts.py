"""Monte Carlo tree search over sampled steps."""

import functools
from typing import Literal

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

Q_FNS: dict[str, tree_select.QFn] = {
  "siblings": tree_select.between_siblings,
  "raw": tree_select.raw,
}


def mcts(
  params: types.Params,
  rng_keys: types.PRNGKeys,
  root: base.Embedding,
  step_fn: base.StepFn,
  take_fn: base.TakeFn = base.take,
  put_fn: base.PutFn = base.put,
  *,
  num_simulations: int,
  max_steps: int,
  num_moves: int = 1,
  c_init: float = 1.25,
  c_base: float = 19652.0,
  q: Literal["siblings", "raw"] = "siblings",
  prior: tree_priors.PriorFn = tree_priors.uniform,
  noise_alpha: float = 0.3,
  noise_fraction: float = 0.0,
  root_score: ArrayLike | None = None,
  same_fn: ranking.SameFn | None = None,
  choose: tree_output.Choose = "principal",
  aggregate: base.AggregateFn = aggregate_lib.last,
) -> base.SearchOutput:
  """PUCT with the candidates of a node drawn when it is expanded (1911.08265).

  The N rows of an expansion are the node's children, drawn and judged
  together; a simulation walks to one that was not visited, backs up its score
  and so writes nothing, unless it comes to a node whose children are not
  written yet. Q is the mean of the scores backed up through a node. An end
  that is visited again counts again. With q="raw" these are also OpenR's
  "vanilla" rules.

  With one row the tree is a chain and the result plain sampling. One
  simulation expands the prompt, that is one step of the policy.

  Args:
    params: passed on to `step_fn`.
    rng_keys: [B] one key per problem, consumed. The t-th expansion of a
      problem draws from the key of step t.
    root: embedding of the prompts with N rows each, all alike.
    step_fn: writes and scores one step of every row.
    take_fn: loads rows of the store, which has M + N of them; M is at most
      1 + N * num_simulations * num_moves.
    put_fn: puts rows into the store.
    num_simulations: visits of each move.
    max_steps: T, steps of a solution.
    num_moves: after each move but the last the search goes on from the most
      visited child, with what the tree knows of it.
    c_init: c_1, weight of the prior.
    c_base: c_2, visits at which that weight has grown by log 2; inf: never.
    q: values relative to their siblings, or as they are.
    prior: weights the candidates, see `tree_priors`.
    noise_alpha: of the Dirichlet noise on the prompt's prior.
    noise_fraction: its share; 0.25 in self-play.
    root_score: verifier's score of the prompt; None: its children's average.
    same_fn: finds equal candidates, which then share one branch.
    choose: the row returned; rows are explained in `tree_output`.
    aggregate: step scores to one score per row.
  """
  rules = puct_rules(
    tree_growth.Growth(
      prior=prior,
      same_fn=same_fn,
      noise_alpha=noise_alpha,
      noise_fraction=noise_fraction,
      root_score=root_score,
    ),
    q=q,
    c_init=c_init,
    c_base=c_base,
  )
  return tree_solve.solve(
    tree_lib.Writer(params, rng_keys, step_fn, take_fn, put_fn),
    root,
    rules,
    tree_rules.Budget(num_simulations, num_moves, max_steps),
    aggregate=aggregate,
    choose=choose,
  )


def puct_rules(
  growth: tree_growth.Growth,
  *,
  q: Literal["siblings", "raw"] = "siblings",
  c_init: float = 1.25,
  c_base: float = 19652.0,
) -> tree_rules.Rules:
  """See `mcts`; `growth` says what is made of new children."""
  return tree_rules.Rules(
    select=functools.partial(
      tree_select.puct, q_fn=Q_FNS[q], c_init=c_init, c_base=c_base
    ),
    growth=growth,
  )
