"""Rows of token ids to text, verdicts and records, on the host."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from prm_jax.data import records
from prm_jax.search import votes
from prm_jax.solvers.solver import Solved
from prm_jax.tasks import base as tasks
from prm_jax.text import notation
from prm_jax.text import steps as steps_lib

COPY = "copy"  # in `extra` of rows that only stand for another one


class Judged(NamedTuple):
  """Rows as text and their verdicts; arrays are bool [n, N].

  Attributes:
    steps: of each row.
    answers: for votes.
    correct: False also where nothing is known.
    known: whether the task can tell.
  """

  steps: list[list[tuple[str, ...]]]
  answers: list[list[str | None]]
  correct: np.ndarray
  known: np.ndarray

  def verdict(self, problem: int, row: int) -> bool | None:
    """For records, which hold None where nothing is known."""
    known = self.known[problem, row]
    return bool(self.correct[problem, row]) if known else None


def judge(
  task: tasks.Task, tokenizer: notation.Notation, solved: Solved
) -> Judged:
  """Decodes and verifies every row; equal rows of a problem once.

  A row that was cut off (no `<eos>`) is wrong and has no answer.
  """
  places: list[int] = []
  attempts: list[tuple[tasks.Problem, Sequence[str]] | None] = []
  texts: list[tuple[str, ...]] = []
  for problem, tokens, length in zip(
    solved.problems, solved.tokens, solved.length, strict=True
  ):
    seen: dict[bytes, int] = {}
    for n, end in enumerate(length):
      key = tokens[n, :end].tobytes()
      if key not in seen:
        seen[key] = len(texts)
        text, finished = steps_lib.decode_steps(tokenizer, tokens[n, :end])
        texts.append(tuple(text))
        attempts.append((problem, text) if finished else None)
      places.append(seen[key])
  verdicts = _verdicts(task, attempts)
  num_rows = solved.length.shape[1]
  by_problem = lambda found: [
    [found[place] for place in places[i : i + num_rows]]
    for i in range(0, len(places), num_rows)
  ]
  return Judged(
    by_problem(texts),
    by_problem([verdict.answer for verdict in verdicts]),
    np.array(by_problem([verdict.correct for verdict in verdicts]), bool),
    np.array(by_problem([verdict.known for verdict in verdicts]), bool),
  )


def _verdicts(
  task: tasks.Task,
  attempts: Sequence[tuple[tasks.Problem, Sequence[str]] | None],
) -> list[tasks.Verdict]:
  """Of each attempt; None was not finished."""
  whole = [attempt for attempt in attempts if attempt is not None]
  found = iter(tasks.verify_all(task, whole))
  unfinished = tasks.Verdict(False, None, "not finished")
  return [unfinished if a is None else next(found) for a in attempts]


def without_copies(solved: Solved, judged: Judged) -> Judged:
  """Rows that have no weight, as copies have not, lose their answer."""
  copies = np.isneginf(solved.log_weight)
  answers = [
    [None if copy else answer for answer, copy in zip(*row, strict=True)]
    for row in zip(judged.answers, copies, strict=True)
  ]
  return judged._replace(answers=answers)


def vote(judged: Judged, rule: votes.Rule, scores: np.ndarray) -> np.ndarray:
  """Row of each problem that a vote of the rows chooses.

  Args:
    judged: the rows.
    rule: see `search.votes`.
    scores: [n, N] what the rule weighs rows by.

  Returns:
    [n] int32; `judged.correct` is False there if no row has an answer.
  """
  ids = votes.answer_ids(judged.answers)
  return np.asarray(rule(jnp.asarray(ids), jnp.asarray(scores, jnp.float32)))


def to_solutions(
  solved: Solved, judged: Judged, source: str
) -> list[records.Solution]:
  """All rows as records, with the tokens as they were written."""
  return [
    records.Solution(
      problem_id=problem.id,
      steps=judged.steps[i][n],
      answer=judged.answers[i][n],
      correct=judged.verdict(i, n),
      source=source,
      tokens=tuple(solved.tokens[i, n, : solved.length[i, n]].tolist()),
    )
    for i, problem in enumerate(solved.problems)
    for n in range(solved.length.shape[1])
  ]


def to_samples(
  solved: Solved, judged: Judged, costs: Mapping[str, np.ndarray] | None = None
) -> list[records.SearchSample]:
  """One record per problem: its rows, the chosen one, and the cost.

  Args:
    solved: the rows.
    judged: the same as text.
    costs: [n] per counter; default: those of `solved`.
  """
  costs = solved.cost._asdict() if costs is None else costs
  samples = []
  for i, problem in enumerate(solved.problems):
    copies = _copies(solved, i)
    rows = tuple(
      records.SearchRow(
        steps=judged.steps[i][n],
        answer=judged.answers[i][n],
        correct=judged.verdict(i, n),
        score=float(solved.score[i, n]),
        step_scores=tuple(
          solved.step_scores[i, n, : solved.num_steps[i, n]].tolist()
        ),
        extra={COPY: True} if copies[n] else {},
      )
      for n in range(solved.length.shape[1])
    )
    cost: dict[str, float] = {k: v[i].item() for k, v in costs.items()}
    cost["wall_s"] = solved.wall_s / len(solved.problems)
    samples.append(
      records.SearchSample(problem.id, rows, int(solved.chosen[i]), cost)
    )
  return samples


def _copies(solved: Solved, problem: int) -> list[bool]:
  """Rows without weight that say what a row before them says.

  A tree has as many rows as it was asked for: where it has found fewer, those
  that it has found stand there again.
  """
  seen: set[bytes] = set()
  found = []
  for tokens, length, weight in zip(
    solved.tokens[problem],
    solved.length[problem],
    solved.log_weight[problem],
    strict=True,
  ):
    key = tokens[:length].tobytes()
    found.append(bool(np.isneginf(weight)) and key in seen)
    seen.add(key)
  return found
