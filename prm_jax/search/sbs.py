"""AlphaMath's step-level beam search SBS(B1, B2)."""

from collections.abc import Callable

import jax.numpy as jnp
from jaxtyping import Array

from prm_jax import types
from prm_jax.search import aggregate as aggregate_lib
from prm_jax.search import base, ranking, step_beam


def sbs(
  params: types.Params,
  rng_keys: types.PRNGKeys,
  root: base.Embedding,
  step_fn: base.StepFn,
  take_fn: base.TakeFn = base.take,
  *,
  width: int = 1,
  branch: int = 5,
  max_steps: int,
  aggregate: base.AggregateFn = aggregate_lib.last,
  same_fn: ranking.SameFn | None = None,
  valid_fn: Callable[[base.Embedding], Array] | None = None,
) -> base.SearchOutput:
  """A beam that shrinks as its solutions are found (2405.03553).

  Of all continuations the best are kept, as in `step_beam`; but a solution
  that was among them is an answer for good, and so many fewer prefixes are
  kept from then on. A solution that is not valid takes its place all the
  same, as does a row without a solution at the end of the budget; neither is
  an answer. With one row and no branches this is plain sampling, with
  `width=1` the streaming approximation of tree search of the paper.

  Args:
    params: passed on to `step_fn`.
    rng_keys: [B] one key per problem, consumed.
    root: embedding of the prompts with `width * branch` rows each.
    step_fn: writes and scores one step of every row.
    take_fn: forks rows of the embedding.
    width: B1, prefixes and answers kept.
    branch: B2, continuations of each prefix.
    max_steps: T, steps a row may take; 10 in the paper.
    aggregate: step scores to the score that ranks prefixes and solutions.
    same_fn: continuations equal to another are left for last.
    valid_fn: `embedding -> [B, N] bool`, finished rows that may be answers.

  Returns:
    SearchOutput with log_weight 0 for answers and -inf for all other rows;
    where a problem has no answer, as from `step_beam`. The best answer is
    chosen, or else the best row.
  """
  output = step_beam.step_beam(
    params,
    rng_keys,
    root,
    step_fn,
    take_fn,
    width=width,
    branch=branch,
    max_steps=max_steps,
    aggregate=aggregate,
    finished="stay",
    same_fn=same_fn,
  )
  answer = output.done & ~jnp.isneginf(output.log_weight)
  if valid_fn is not None:
    answer &= valid_fn(output.embedding)
  none = ~jnp.any(answer, axis=1, keepdims=True)
  return output._replace(
    chosen=ranking.best(output.score, 1, [~answer])[:, 0],
    log_weight=jnp.where(answer | none, output.log_weight, -jnp.inf),
  )
