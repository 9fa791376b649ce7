"""The quickstart's table: every method on the same held-out puzzles."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import ml_collections
import numpy as np

from prm_jax.build import models, searches
from prm_jax.build.methods import base as methods
from prm_jax.build.methods import sampling
from prm_jax.cli import report, solving, verifying
from prm_jax.eval import bootstrap
from prm_jax.reports import results
from prm_jax.search import aggregate, votes
from prm_jax.solvers import judging, rescore, solver
from prm_jax.tasks import base as tasks


def check(config: ml_collections.ConfigDict, task: tasks.Task) -> None:
  """UserError where `measure` would find a field wrong."""
  solving.first(task.problems("test"), config.num_problems)
  verifying.check_oracle(config.oracle)
  searches.sampler(config.sampler)
  solving.solver_config(config.solver)
  _guided(config)


def _guided(
  config: ml_collections.ConfigDict,
) -> list[tuple[str, methods.MethodConfig]]:
  """The searches that a verifier steers."""
  return [
    (method, searches.method(group, num_rows=config.num_rows))
    for method, group in (
      ("step_beam", config.beam),
      ("particle", config.particle),
    )
  ]


def measure(
  config: ml_collections.ConfigDict,
  task: tasks.Task,
  policy: models.Loaded,
  verifiers: Mapping[str, models.Loaded],
) -> list[results.Row]:
  """Accuracies with intervals and costs, then the searches' gains as ratios.

  Args:
    config: of the quickstart.
    task: its held-out problems are measured.
    policy: writes all solutions.
    verifiers: choose among finished solutions; the last also steers.
  """
  problems = solving.first(task.problems("test"), config.num_problems)
  oracle = verifying.of_oracle(task, policy, problems, config.oracle)
  bench = _Bench(config, task, policy, problems)
  rows = [bench.greedy()]
  solved, judged = bench.run(
    "sample",
    verifying.none(),
    sampling.BestOfN(config.num_rows),
  )
  judges = {
    name: verifying.of_model(name, loaded, policy, task)
    for name, loaded in verifiers.items()
  }
  rows += _votes(bench, solved, judged, verifiers, (*judges.values(), oracle))
  guide = list(judges.values())[-1]
  guided = {}
  for verifier in (guide, oracle):
    for method, search in _guided(config):
      name = f"{method}/{verifier.name}"
      solved_so, judged_so = bench.run(name, verifier, search)
      guided[name] = chosen_correct(judged_so, solved_so.chosen)
      rows.append(bench.row(name, guided[name], solved_so, verifier))
  rows += _ratios(guided, judged)
  return rows


class _Bench:
  """One set of problems, one policy, one budget."""

  def __init__(self, config, task, policy, problems):
    self._config, self._task = config, task
    self._policy, self._problems = policy, problems

  def run(
    self,
    name: str,
    verifier: verifying.Verifier,
    search: methods.MethodConfig,
    sampler: ml_collections.ConfigDict | None = None,
  ) -> tuple[solver.Solved, judging.Judged]:
    searching = solving.make_solver(
      self._task,
      self._policy,
      verifier,
      search=search,
      sampler=self._config.sampler if sampler is None else sampler,
      sizes=self._config.solver,
      seed=self._config.seed,
    )
    with report.progress(name, len(self._problems)) as tell:
      solved = searching.solve(self._problems, tell)
    return solved, judging.judge(self._task, self._policy.tokenizer, solved)

  def greedy(self) -> results.Row:
    sampler = self._config.sampler.copy_and_resolve_references()
    sampler.temperature = 0.0
    solved, judged = self.run(
      "greedy",
      verifying.none(),
      sampling.BestOfN(1),
      sampler,
    )
    return self.row("greedy", judged.correct[:, 0], solved)

  def row(
    self,
    name: str,
    correct: np.ndarray,
    solved: solver.Solved,
    verifier: verifying.Verifier | None = None,
  ) -> results.Row:
    """An accuracy with its cost; `verifier` is who read or steered."""
    cost = self.costs(solved, verifier)
    return solving.accuracy_row(name, correct, cost, solved.wall_s)

  def costs(
    self, solved: solver.Solved, verifier: verifying.Verifier | None = None
  ) -> dict[str, np.ndarray]:
    judge = verifier or verifying.none()
    return solving.costs(solved, self._policy, judge)

  def scores(
    self, verifier: models.Loaded, solved: solver.Solved
  ) -> np.ndarray:
    """[n, N] last step's score by another verifier."""
    found = rescore.step_scores(
      verifier.model, verifier.params, self._policy.tokenizer, solved
    )
    return np.asarray(
      aggregate.last(jnp.asarray(found), jnp.asarray(solved.num_steps))
    )


def _votes(
  bench: _Bench,
  solved: solver.Solved,
  judged: judging.Judged,
  verifiers: Mapping[str, models.Loaded],
  judges: Sequence[verifying.Verifier],
) -> list[results.Row]:
  """All ways to choose among the same samples; the last judge is the truth."""
  ids = votes.answer_ids(judged.answers)
  num_rows = judged.correct.shape[1]
  once = {k: v / num_rows for k, v in bench.costs(solved).items()}
  majority = np.asarray(votes.majority(jnp.asarray(ids)))
  rows = [
    solving.accuracy_row("pass@1", judged.correct, once, solved.wall_s),
    bench.row(f"maj@{num_rows}", chosen_correct(judged, majority), solved),
  ]
  scores = {n: bench.scores(v, solved) for n, v in verifiers.items()}
  scores[judges[-1].name] = judged.correct.astype(np.float32)
  for judge in judges:
    read: Any = np.zeros_like(solved.cost.verifier_tokens)
    if judge.config is not None:  # a model of its own reads every row
      read = solved.length.sum(axis=1)
    own = solved._replace(cost=solved.cost._replace(verifier_tokens=read))
    score = scores[judge.name]
    voted = np.asarray(votes.weighted(jnp.asarray(ids), jnp.asarray(score)))
    for rule, chosen in (
      ("best_of_n", np.argmax(score, axis=1)),
      ("weighted_vote", voted),
    ):
      correct = chosen_correct(judged, chosen)
      rows.append(bench.row(f"{rule}/{judge.name}", correct, own, judge))
  return rows


def chosen_correct(judged: judging.Judged, chosen: np.ndarray) -> np.ndarray:
  """bool [n]: is the chosen row of each problem right?"""
  return judged.correct[np.arange(len(chosen)), chosen]


def _ratios(guided, judged) -> list[results.Row]:
  """Paired on the puzzles: guided search over plain sampling."""
  found = []
  for name, correct in guided.items():
    gain = bootstrap.ratio(
      correct.astype(np.float64), judged.correct.astype(np.float64)
    )
    found.append(
      results.Row(
        name=name,
        metric="ratio to pass@1",
        value=gain.value,
        ci_low=gain.low,
        ci_high=gain.high,
        n=len(correct),
      )
    )
  return found
