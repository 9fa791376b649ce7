"""The quickstart's table: every method on the same held-out puzzles."""

from collections.abc import Mapping

import jax.numpy as jnp
import ml_collections
import numpy as np

from prm_jax.build import models, searches
from prm_jax.build.methods import base as methods
from prm_jax.build.methods import sampling
from prm_jax.cli import report, solving
from prm_jax.eval import bootstrap
from prm_jax.reports import results
from prm_jax.search import aggregate, votes
from prm_jax.solvers import judging, rescore, solver
from prm_jax.tasks import base as tasks


def check(config: ml_collections.ConfigDict, task: tasks.Task) -> None:
  """UserError where `measure` would find a field wrong."""
  solving.first(task.problems("test"), config.num_problems)
  solving.check_oracle(config.oracle)
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
  oracle = solving.oracle_verifier(task, policy, problems, config.oracle)
  bench = _Bench(config, task, policy, problems)
  rows = [bench.greedy()]
  solved, judged = bench.run(
    "sample",
    solving.no_verifier(),
    sampling.BestOfN(config.num_rows),
  )
  rows += _votes(bench, solved, judged, verifiers, oracle)
  name = list(verifiers)[-1]
  guide = solving.model_verifier(name, verifiers[name], policy, task)
  guided = {}
  for verifier in (guide, oracle):
    for method, search in _guided(config):
      name = f"{method}/{verifier.name}"
      solved_so, judged_so = bench.run(name, verifier, search)
      guided[name] = chosen_correct(judged_so, solved_so.chosen)
      rows.append(_row(name, guided[name], solved_so))
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
    verifier: solving.Verifier,
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
      solving.no_verifier(),
      sampling.BestOfN(1),
      sampler,
    )
    return _row("greedy", judged.correct[:, 0], solved)

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


def _votes(bench, solved, judged, verifiers, oracle) -> list[results.Row]:
  """All ways to choose among the same samples."""
  ids = votes.answer_ids(judged.answers)
  once = {k: v / judged.correct.shape[1] for k, v in _cost(solved).items()}
  rows = [
    solving.accuracy_row("pass@1", judged.correct, once, solved.wall_s),
    _row(
      f"maj@{judged.correct.shape[1]}",
      chosen_correct(judged, np.asarray(votes.majority(jnp.asarray(ids)))),
      solved,
    ),
  ]
  scores = {n: bench.scores(v, solved) for n, v in verifiers.items()}
  scores[oracle.name] = judged.correct.astype(np.float32)
  for name, score in scores.items():
    read = 0 if name == oracle.name else solved.length.sum(axis=1)
    best = chosen_correct(judged, np.argmax(score, axis=1))
    rows.append(_row(f"best_of_n/{name}", best, solved, read))
    voted = np.asarray(votes.weighted(jnp.asarray(ids), jnp.asarray(score)))
    rows.append(
      _row(f"weighted_vote/{name}", chosen_correct(judged, voted), solved, read)
    )
  return rows


def chosen_correct(judged: judging.Judged, chosen: np.ndarray) -> np.ndarray:
  """bool [n]: is the chosen row of each problem right?"""
  return judged.correct[np.arange(len(chosen)), chosen]


def _cost(solved: solver.Solved) -> dict[str, np.ndarray]:
  return solved.cost._asdict()


def _row(
  name: str,
  correct: np.ndarray,
  solved: solver.Solved,
  verifier_tokens: np.ndarray | int | None = None,
) -> results.Row:
  cost = _cost(solved)
  if verifier_tokens is not None:
    cost["verifier_tokens"] = np.asarray(verifier_tokens)
  return solving.accuracy_row(name, correct, cost, solved.wall_s)


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
