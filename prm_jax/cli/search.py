"""`prm-jax search`: solves problems with a method under a budget.

Batches are appended to `samples.jsonl` as they are done; the same command
after a kill goes on with the problems that are not there yet.
"""

import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import ml_collections
import numpy as np

from prm_jax import errors
from prm_jax.build import fields, models, searches
from prm_jax.build import votes as votes_config
from prm_jax.checkpoint import disk
from prm_jax.cli import (
  answer_entropy,
  compilation,
  report,
  solving,
  text_verifiers,
)
from prm_jax.cli import flags as flags_lib
from prm_jax.data import record_files, records
from prm_jax.reports import results
from prm_jax.search import base, votes
from prm_jax.solvers import judging, solver
from prm_jax.tasks import base as tasks

DEFAULT_CONFIG = "game24_search"
FILE_CONFIG = "questions_search"  # where --input is a file of questions
VOLATILE = ("config.solver.batch_size",)
SAMPLES = "samples.jsonl"
MOST_PRINTED = 50


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
  if not config.policy:
    raise errors.UserError("search needs --policy DIR")
  solving.check_oracle(config.oracle)
  task = models.task(config.task)
  problems = _problems(task, config)
  policy = solving.load_policy(config.policy)
  written = searches.notation(
    policy, config.prompt, config.steps, task.max_step_tokens
  )
  policy = policy._replace(tokenizer=written)
  if config.verifier == answer_entropy.NAME:
    verifier = answer_entropy.verifier(config.answer_entropy, policy)
  elif text_verifiers.is_needed(config.verifier, policy):
    verifier = text_verifiers.load(config, task, policy, problems)
  else:
    verifier = solving.load_verifier(
      config.verifier, task, policy, problems, config.oracle
    )
  target = solving.load_target(config.target, policy)
  searching = solving.make_solver(
    task,
    policy,
    verifier,
    search=searches.method(config.search),
    sampler=config.sampler,
    sizes=solving.sizes(config.solver, policy, problems),
    ends=searches.step_config(config.steps),
    seed=config.seed,
    target=target,
  )
  compilation.keep(workdir)
  solve = _Batch(searching, task, policy, verifier, target, _vote(config.vote))
  samples = _search(
    solve, problems, workdir / SAMPLES, config.solver.batch_size
  )
  method = config.search.method
  if config.vote.rule != "none":
    method = f"{method}+{config.vote.rule}"
  name = "/".join(filter(None, (method, verifier.name)))
  rows = [summarise(name, samples)]
  results.write(workdir / results.FILE, "search", config.to_dict(), rows)
  print_solutions(problems, samples)
  if verifier.reading is not None and verifier.reading.told:
    print(verifier.reading.told)
  report.show(rows, str(workdir))
  return 0


def _problems(
  task: tasks.Task, config: ml_collections.ConfigDict
) -> list[tasks.Problem]:
  if config.split not in ("train", "validation", "test"):
    raise errors.UserError(
      f"split: {config.split!r} is not one of train, validation, test"
    )
  return solving.first(task.problems(config.split), config.num_problems)


def _vote(config: ml_collections.ConfigDict) -> votes.Rule | None:
  """How the rows choose among them; None: as the method does."""
  if config.rule == "none":
    return None
  return fields.dataclass(votes_config.Vote, config.to_dict(), "vote").bind()


class _Batch(NamedTuple):
  """What makes samples of problems."""

  searching: solver.Solver
  task: tasks.Task
  policy: models.Loaded
  verifier: solving.Verifier
  target: models.Loaded | None
  vote: votes.Rule | None

  def __call__(
    self, problems: Sequence[tasks.Problem]
  ) -> list[records.SearchSample]:
    solved = self.searching.solve(problems)
    notation = solving.policy_notation(self.policy)
    judged = judging.judge(self.task, notation, solved)
    if self.vote is not None:
      voters = judging.without_copies(solved, judged)
      chosen = judging.vote(voters, self.vote, solved.score)
      solved = solved._replace(chosen=chosen)
    costs = solving.costs(solved, self.policy, self.verifier, self.target)
    return judging.to_samples(solved, judged, costs)


def _search(
  solve: _Batch,
  problems: Sequence[tasks.Problem],
  path: pathlib.Path,
  batch_size: int,
) -> list[records.SearchSample]:
  """Searches what is not in the file yet; samples in the problems' order."""
  done = {s.problem_id: s for s in _already(path)}
  missing = [p for p in problems if p.id not in done]
  with report.progress("search", len(problems)) as tell:
    for start in range(0, len(missing), batch_size):
      found = solve(missing[start : start + batch_size])
      with disk.told_when_full(f"{path}: cannot go on"), path.open("a") as file:
        file.writelines(records.to_json(sample) + "\n" for sample in found)
      done |= {sample.problem_id: sample for sample in found}
      tell(len(done))
  return [done[p.id] for p in problems]


def _already(path: pathlib.Path) -> list[records.SearchSample]:
  """Samples of an earlier, killed run; a half-written last line is cut."""
  if not path.exists():
    return []
  text = path.read_bytes()
  whole = text[: text.rfind(b"\n") + 1]
  if whole != text:
    path.write_bytes(whole)
  return record_files.read(path, records.SearchSample).records if whole else []


def summarise(
  name: str, samples: Sequence[records.SearchSample]
) -> results.Row:
  """Accuracy of the chosen rows and mean cost."""
  correct = np.array([_is_correct(sample) for sample in samples])
  cost = {
    field: np.array([sample.cost[field] for sample in samples])
    for field in (*base.Cost._fields, "flops")
  }
  wall_s = sum(sample.cost["wall_s"] for sample in samples)
  return solving.accuracy_row(name, correct, cost, wall_s)


def _is_correct(sample: records.SearchSample) -> bool:
  if sample.chosen is None:
    return False
  return bool(sample.rows[sample.chosen].correct)


def print_solutions(
  problems: Sequence[tasks.Problem], samples: Sequence[records.SearchSample]
) -> None:
  """One line per problem, unless they are too many to read."""
  if len(problems) > MOST_PRINTED:
    return
  for problem, sample in zip(problems, samples, strict=True):
    said = "no solution found"
    if _is_correct(sample) and sample.chosen is not None:
      said = sample.rows[sample.chosen].answer or ""
    print(f"{problem.prompt} {said}")
