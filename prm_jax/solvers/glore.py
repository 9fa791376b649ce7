"""GLoRe: when, where and how to refine a draft (arXiv 2402.10963).

An outcome verifier (ORM) ranks, a stepwise one (SORM: can the answer still be
reached from here?) finds the first wrong step. One refiner writes the draft
anew, another goes on from the steps before the error; the ORM chooses among
the three.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from prm_jax.data import records
from prm_jax.search import votes
from prm_jax.solvers import writing
from prm_jax.tasks import base as tasks

DRAFT, GLOBAL, LOCAL = range(3)
_NO_SCORE = -math.inf


class Refined(NamedTuple):
  """The three candidates of each problem and the one that was chosen."""

  candidates: list[list[records.Solution]]  # [n][3] draft, global, local
  scores: np.ndarray  # [n, 3] by the ORM; -inf where not asked for
  chosen: np.ndarray  # [n]
  first_errors: list[int | None]  # [n] steps of the drafts
  spent: list[writing.Spent]  # [n]


def first_error(
  step_scores: Sequence[float], threshold: float = 0.5
) -> int | None:
  """Index of the first step below the threshold; None if there is none.

  NaN is the worst score.
  """
  for index, score in enumerate(step_scores):
    if not score >= threshold:
      return index
  return None


def refine(
  problems: Sequence[tasks.Problem],
  *,
  draft_fn: writing.WriteFn,
  global_fn: writing.WriteFn,
  local_fn: writing.WriteFn,
  locate_fn: writing.ScoreFn,
  rank_fn: writing.ScoreFn,
  threshold: float = 0.5,
  accept: float = math.inf,
) -> Refined:
  """Drafts, refines once in both ways and lets the ORM choose.

  Ties go to the draft, then to the global refinement. A draft without a wrong
  step is its own local refinement.

  Args:
    problems: [n].
    draft_fn: greedy in the paper.
    global_fn: is shown the draft.
    local_fn: is shown the draft and its first wrong step, and keeps the steps
      before it. It has to sample if it is the draft's own greedy policy,
      which would repeat itself.
    locate_fn: SORM, whose step scores are compared with the threshold.
    rank_fn: ORM, whose last score counts.
    threshold: below it a step is wrong.
    accept: ORM score from which on a draft is not refined at all.
  """
  drafts = draft_fn([writing.Prompt(problem) for problem in problems])
  solutions = [draft.solution for draft in drafts]
  spent = [draft.spent for draft in drafts]
  scores = np.full((len(problems), 3), _NO_SCORE)
  candidates = [[solution] * 3 for solution in solutions]

  def rank(which: int, where: Sequence[int]) -> None:
    found = _score(rank_fn, problems, candidates, which, where)
    for i, scored in zip(where, found, strict=True):
      scores[i, which] = scored.last
      spent[i] += scored.spent

  def write(
    which: int, write_fn: writing.WriteFn, prompts: dict[int, writing.Prompt]
  ) -> None:
    if not prompts:
      return
    written = write_fn(list(prompts.values()))
    for i, one in zip(prompts, written, strict=True):
      candidates[i][which] = one.solution
      spent[i] += one.spent
    rank(which, list(prompts))

  rank(DRAFT, range(len(problems)))
  refined = [i for i, score in enumerate(scores[:, DRAFT]) if score < accept]
  first_errors: list[int | None] = [None] * len(problems)
  located = _score(locate_fn, problems, candidates, DRAFT, refined)
  for i, scored in zip(refined, located, strict=True):
    first_errors[i] = first_error(scored.steps, threshold)
    spent[i] += scored.spent
  write(
    GLOBAL,
    global_fn,
    {i: _global_prompt(problems[i], solutions[i]) for i in refined},
  )
  write(
    LOCAL,
    local_fn,
    {
      i: local_prompt(problems[i], solutions[i], error, draw=LOCAL)
      for i, error in enumerate(first_errors)
      if error is not None
    },
  )
  chosen = writing.vote(candidates, scores, votes.naive)
  return Refined(candidates, scores, chosen, first_errors, spent)


def local_prompt(
  problem: tasks.Problem, draft: records.Solution, error: int, draw: int
) -> writing.Prompt:
  """Keeps the steps before the wrong one, which is told."""
  return writing.Prompt(
    problem,
    kept=draft.steps[:error],
    seen=(draft,),
    notes=(draft.steps[error],),
    draw=draw,
  )


def _global_prompt(
  problem: tasks.Problem, draft: records.Solution
) -> writing.Prompt:
  return writing.Prompt(problem, seen=(draft,), draw=GLOBAL)


def _score(
  score_fn: writing.ScoreFn,
  problems: Sequence[tasks.Problem],
  candidates: Sequence[Sequence[records.Solution]],
  which: int,
  where: Sequence[int],
) -> Sequence[writing.Scored]:
  if not where:
    return []
  return score_fn(
    [problems[i] for i in where], [candidates[i][which] for i in where]
  )
