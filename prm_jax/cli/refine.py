"""`prm-jax refine`: solves problems by writing again what was written.

Batches are appended to `samples.jsonl` as they are done; the same command
after a kill goes on with the problems that are not there yet.
"""

import dataclasses
import math
import pathlib
import time
from collections.abc import Sequence
from typing import NamedTuple

import ml_collections

from prm_jax import errors
from prm_jax.build import models
from prm_jax.build.methods import sampling
from prm_jax.cli import (
  compilation,
  policies,
  refinements,
  report,
  solving,
  verifying,
)
from prm_jax.cli import flags as flags_lib
from prm_jax.cli import samples as samples_lib
from prm_jax.data import records
from prm_jax.reports import results
from prm_jax.solvers import writers, writing
from prm_jax.tasks import base as tasks
from prm_jax.text import tokenizer as tokenizer_lib

DEFAULT_CONFIG = "refinement"
VOLATILE = ("config.solver.batch_size",)
READINGS: dict[str, writers.TextFn] = {
  "forgetful": writers.forgetful,
  "in_context": writers.in_context,
}


def run(
  config: ml_collections.ConfigDict,
  workdir: pathlib.Path,
  flags: flags_lib.Flags,
) -> int:
  config.policy = flags.policy or flags.model or config.policy
  config.verifier = flags.verifier or config.verifier
  if flags.input:
    config.task.problems = flags.input
  flags_lib.required("refine", "policy", config.policy)
  method = refinements.method(config.refinement.to_dict())
  task = models.task(config.task)
  problems = samples_lib.problems(task, config)
  policy = policies.load(config.policy)
  models_ = _models(config, method.most_parts, task, policy, problems)
  rewrite = _Rewriting(method, task, models_)
  compilation.keep(workdir)
  samples = samples_lib.resumed(
    rewrite, problems, workdir / samples_lib.FILE, config.solver.batch_size
  )
  name = config.refinement.method + ("/verifier" if config.verifier else "")
  rows = [samples_lib.summarise(name, samples)]
  results.write(workdir / results.FILE, "refine", config.to_dict(), rows)
  samples_lib.print_solutions(problems, samples)
  report.show(rows, str(workdir))
  return 0


def _models(
  config: ml_collections.ConfigDict,
  most_parts: int,
  task: tasks.Task,
  policy: models.Loaded,
  problems: Sequence[tasks.Problem],
) -> refinements.Models:
  """The policy as a writer, and the verifier as a scorer."""
  tokenizer = policy.tokenizer
  if not isinstance(tokenizer, tokenizer_lib.Tokenizer):
    raise errors.UserError(
      f"--policy: {config.policy}: only models trained here write again"
    )
  if config.reading not in READINGS:
    raise errors.UserError(
      f"reading: {config.reading!r} is not one of {', '.join(READINGS)}"
    )
  lengths = [len(tokenizer.encode_prompt(p.prompt)) for p in problems]
  longest = max(lengths, default=1)
  slots = longest + most_parts * config.solver.max_tokens
  sizes = config.solver.copy_and_resolve_references()
  sizes.prompt_tokens = sizes.prompt_tokens or slots * _shown(config)
  solver = solving.make_solver(
    task,
    policy,
    verifying.none(),
    search=sampling.BestOfN(1),
    sampler=config.sampler,
    sizes=sizes,
    seed=config.seed,
  )
  writer = writers.Writer(solver, task, tokenizer, READINGS[config.reading])
  if not config.verifier:
    return refinements.Models(writer, None)
  loaded = models.load(config.verifier, "--verifier")
  verifying.of_model("verifier", loaded, policy, task)  # or an error
  scorer = writers.Scorer(loaded.model, loaded.params, tokenizer, slots=slots)
  return refinements.Models(writer, scorer)


def _shown(config: ml_collections.ConfigDict) -> int:
  """Solutions that a prompt may have, the steps that are kept included."""
  if config.reading == "forgetful":
    return 1
  group = config.refinement
  seen = {"revisions": "context", "debate": "num_agents"}.get(group.method)
  return 2 + (group[seen] if seen else 1)  # notes are as long as a solution


class _Rewriting(NamedTuple):
  """Samples of problems."""

  method: refinements.Method
  task: tasks.Task
  models: refinements.Models

  def __call__(
    self, problems: Sequence[tasks.Problem]
  ) -> list[records.SearchSample]:
    started = time.perf_counter()
    found = self.method(problems, self.models)
    wall_s = (time.perf_counter() - started) / len(problems)
    return [
      records.SearchSample(
        problem.id,
        tuple(map(_row, solutions, scores)),
        chosen,
        {**_cost(spent), "wall_s": wall_s},
      )
      for problem, solutions, scores, chosen, spent in zip(
        problems, *found, strict=True
      )
    ]


def _row(solution: records.Solution, score: float) -> records.SearchRow:
  """Score 0 where nobody judged."""
  return records.SearchRow(
    steps=solution.steps,
    answer=solution.answer,
    correct=solution.correct,
    score=0.0 if math.isnan(score) else score,
    step_scores=(),
  )


def _cost(spent: writing.Spent) -> dict[str, int]:
  return dataclasses.asdict(spent)
