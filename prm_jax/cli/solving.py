"""From config groups to a solver; used by `search` and `quickstart`."""

import itertools
from collections.abc import Iterable, Mapping

import ml_collections
import numpy as np

from prm_jax import errors
from prm_jax.build import fields, models, ranges, scorers, searches
from prm_jax.build.methods import base as methods
from prm_jax.cli import policies, tree_pages, verifying
from prm_jax.decode import step
from prm_jax.eval import bootstrap, flops
from prm_jax.reports import results
from prm_jax.solvers import solver
from prm_jax.tasks import base as tasks
from prm_jax.text import token_bytes


def first(
  problems: Iterable[tasks.Problem], num_problems: int
) -> list[tasks.Problem]:
  """So many of the problems; all of them if 0."""
  if num_problems < 0:
    raise errors.UserError("num_problems: must be at least 0 (0: all)")
  return list(itertools.islice(problems, num_problems or None))


def make_solver(
  task: tasks.Task,
  policy: models.Loaded,
  verifier: verifying.Verifier,
  *,
  search: methods.MethodConfig,
  sampler: ml_collections.ConfigDict,
  sizes: ml_collections.ConfigDict,
  seed: int,
  ends: searches.StepConfig | None = None,
  target: models.Loaded | None = None,
) -> solver.Solver:
  """Binds everything; compiles nothing yet.

  Raises:
    UserError: a method that weighs probabilities by a verifier of other scores.
  """
  if (field := ranges.wanted_by(search)) and not verifier.is_probability:
    raise errors.UserError(
      f"{field}: this weighs probabilities, scores of the verifier "
      f"{verifier.name!r} are none"
    )
  vocab_size = policy.model.config.transformer.vocab_size
  step_format = searches.step_format(task, policy.tokenizer, ends, vocab_size)
  own = tree_pages.add(
    solver_config(sizes), search, task.max_steps, step_format.max_step_tokens
  )
  steps = step.StepFactory(
    policy.model,
    scorers.laid_out(verifier.scorer, own.layout),
    searches.sampler(sampler),
    step_format,
    searches.run_fn(search, own.slots),
    target and target.model,
    token_bytes.Vocabulary(policy.tokenizer.backend, vocab_size),
  )
  params = {"policy": policy.params, "verifier": verifier.params}
  if target is not None:
    params["target"] = target.params
  return solver.Solver(
    params,
    policies.notation(policy),
    steps=steps,
    search_fn=search.bind(task.max_steps, steps),
    num_rows=search.num_rows,
    config=own,
    seed=seed,
  )


def solver_config(sizes: ml_collections.ConfigDict) -> solver.SolverConfig:
  return fields.dataclass(solver.SolverConfig, sizes.to_dict(), "solver")


def costs(
  solved: solver.Solved,
  policy: models.Loaded,
  verifier: verifying.Verifier,
  target: models.Loaded | None = None,
) -> dict[str, np.ndarray]:
  """[n] per counter of `search.base.Cost`, and "flops", see `eval.flops`."""
  encode = policies.notation(policy).encode_prompt
  spent = flops.of_search(
    solved.cost,
    np.array([len(encode(problem.prompt)) for problem in solved.problems]),
    solved.length,
    policy.model.config,
    verifier.config,
    target and target.model.config,
  )
  return {**solved.cost._asdict(), "flops": spent.total}


def accuracy_row(
  name: str,
  correct: np.ndarray,
  cost: Mapping[str, np.ndarray] | None = None,
  wall_s: float | None = None,
) -> results.Row:
  """A row of the table.

  Args:
    name: `method` or `method/verifier`.
    correct: bool [n], or [n, k] k samples of each problem.
    cost: [n] per counter.
    wall_s: for all problems.
  """
  found = bootstrap.accuracy(correct.astype(np.float64))
  return results.Row(
    name=name,
    metric="accuracy",
    value=found.value,
    ci_low=found.low,
    ci_high=found.high,
    n=len(correct),
    cost={k: float(np.mean(v)) for k, v in (cost or {}).items()},
    wall_s=wall_s,
  )
