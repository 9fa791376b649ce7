"""Plain sampling of N solutions, and the best of them by the verifier."""

from prm_jax import types
from prm_jax.search import aggregate as aggregate_lib
from prm_jax.search import base, loop


def best_of_n(
  params: types.Params,
  rng_keys: types.PRNGKeys,
  root: base.Embedding,
  step_fn: base.StepFn,
  *,
  max_steps: int,
  aggregate: base.AggregateFn = aggregate_lib.last,
  run: loop.RunFn = loop.run,
) -> base.SearchOutput:
  """Samples every row of `root` to its end and chooses the best (2110.14168).

  With a step function at temperature 0 and one row this is greedy decoding;
  the votes in `votes` are other choices among the same rows.

  Args:
    params: passed on to `step_fn`.
    rng_keys: [B] one key per problem, consumed.
    root: embedding of the prompts with N rows each.
    step_fn: writes and scores one step of every row.
    max_steps: T, steps a row may take; it is cut off there with done False.
    aggregate: step scores to one score per row.
    run: takes the population to its end, see `queue`.

  Returns:
    SearchOutput with the N rows in the order they were sampled.
  """
  population = loop.start(params, rng_keys, root, step_fn, max_steps)
  population, _ = run(params, rng_keys, population, step_fn)
  return loop.finish(population, aggregate)
