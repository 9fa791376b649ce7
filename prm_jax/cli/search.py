"""`prm-jax search`: solves problems with a method under a budget.

Batches are appended to `samples.jsonl` as they are done; the same command
after a kill goes on with the problems that are not there yet.
"""

import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import ml_collections

from prm_jax import errors
from prm_jax.build import fields, models, ranges, searches
from prm_jax.build import votes as votes_config
from prm_jax.build.methods import base as methods
from prm_jax.cli import (
  answer_entropy,
  compilation,
  policies,
  report,
  solving,
  text_verifiers,
  verifying,
)
from prm_jax.cli import flags as flags_lib
from prm_jax.cli import samples as samples_lib
from prm_jax.data import records
from prm_jax.reports import results
from prm_jax.search import votes
from prm_jax.solvers import judging, solver
from prm_jax.tasks import base as tasks

DEFAULT_CONFIG = "game24_search"
FILE_CONFIG = "questions_search"  # where --input is a file of questions
VOLATILE = ("config.solver.batch_size",)


def default_config(flags: flags_lib.Flags) -> str:
  """Which config it is where the user names none."""
  is_file = flags.input and pathlib.Path(flags.input).suffix == ".jsonl"
  return FILE_CONFIG if is_file else DEFAULT_CONFIG


def run(
  config: ml_collections.ConfigDict,
  workdir: pathlib.Path,
  flags: flags_lib.Flags,
) -> int:
  config.policy = flags.policy or flags.model or config.policy
  config.verifier = flags.verifier or config.verifier
  config.target = flags.target or config.target
  config.format = flags.format or config.format
  if flags.input:
    config.task.problems = flags.input
  flags_lib.required("search", "policy", config.policy)
  verifying.check_oracle(config.oracle)
  task = models.task(config.task)
  problems = samples_lib.problems(task, config)
  policy = policies.load(config.policy)
  written = searches.notation(
    policy, config.prompt, config.steps, task.max_step_tokens
  )
  policy = policy._replace(tokenizer=written)
  if config.verifier == answer_entropy.NAME:
    verifier = answer_entropy.verifier(config.answer_entropy, policy)
  elif text_verifiers.is_needed(config.verifier, policy):
    verifier = text_verifiers.load(config, task, policy, problems)
  else:
    verifier = verifying.load(
      config.verifier, task, policy, problems, config.oracle
    )
  method = searches.method(config.search)
  rule = vote_rule(config.vote, method, verifier)
  target = policies.load_target(config.target, policy)
  searching = solving.make_solver(
    task,
    policy,
    verifier,
    search=method,
    sampler=config.sampler,
    sizes=policies.sizes(config.solver, policy, problems),
    ends=searches.step_config(config.steps),
    seed=config.seed,
    target=target,
  )
  compilation.keep(workdir)
  solve = _Batch(searching, task, policy, verifier, target, rule)
  samples = samples_lib.resumed(
    solve, problems, workdir / samples_lib.FILE, config.solver.batch_size
  )
  told = config.search.method
  if config.vote.rule != "none":
    told = f"{told}+{config.vote.rule}"
  name = "/".join(filter(None, (told, verifier.name)))
  rows = [samples_lib.summarise(name, samples)]
  results.write(workdir / results.FILE, "search", config.to_dict(), rows)
  samples_lib.print_solutions(problems, samples)
  if verifier.reading is not None and verifier.reading.told:
    print(verifier.reading.told)
  report.show(rows, str(workdir))
  return 0


def vote_rule(
  config: ml_collections.ConfigDict,
  method: methods.MethodConfig,
  verifier: verifying.Verifier,
) -> votes.Rule | None:
  """How the rows choose among them; None: as the method does.

  Args:
    config: the group `vote`.
    method: makes scores of solutions.
    verifier: scores their steps.

  Raises:
    UserError: a weighted vote by scores that may be below 0.
  """
  if config.rule == "none":
    return None
  own = fields.dataclass(votes_config.Vote, config.to_dict(), "vote")
  if own.rule == "weighted" and not ranges.can_weigh(
    method, verifier.is_probability
  ):
    raise errors.UserError(
      "vote.rule: 'weighted' adds scores up, and by search.aggregate of the "
      f"verifier {verifier.name!r} they may be below 0; 'borda' ranks them"
    )
  return own.bind()


class _Batch(NamedTuple):
  """What makes samples of problems."""

  searching: solver.Solver
  task: tasks.Task
  policy: models.Loaded
  verifier: verifying.Verifier
  target: models.Loaded | None
  vote: votes.Rule | None

  def __call__(
    self, problems: Sequence[tasks.Problem]
  ) -> list[records.SearchSample]:
    solved = self.searching.solve(problems)
    notation = policies.notation(self.policy)
    judged = judging.judge(self.task, notation, solved)
    if self.vote is not None:
      voters = judging.without_copies(solved, judged)
      chosen = judging.vote(voters, self.vote, solved.score)
      solved = solved._replace(chosen=chosen)
    costs = solving.costs(solved, self.policy, self.verifier, self.target)
    return judging.to_samples(solved, judged, costs)
