"""Rows as text, verdicts and records; the exact values of the same rows."""

import numpy as np
import pytest

from prm_jax.decode import step
from prm_jax.search import base, votes
from prm_jax.solvers import judging, oracle, solver
from prm_jax.tasks import game24
from prm_jax.text import delimiters
from prm_jax.text import steps as steps_lib
from tests.solvers import tiny_solver

PROBLEM = game24.make_problem([4, 4, 10, 13])
SOLUTION = next(iter(game24.enumerate_solutions((4, 4, 10, 13))))
# steps, whether <eos> is written, value, solvable
ROWS = (
  (SOLUTION, True, 1.0, 1.0),
  (SOLUTION, False, 0.0, 0.0),  # right, but the budget is spent
  (SOLUTION[:2], True, 0.0, 0.0),  # ended too early
  (SOLUTION[:2], False, None, 1.0),
  (("13 - 9 = 5 | 4 4 10",), False, 0.0, 0.0),
  ((), False, None, 1.0),
  (SOLUTION, True, 1.0, 1.0),
)
SLOTS = 48


@pytest.fixture(scope="module")
def rows():
  tokens = np.zeros((1, len(ROWS), SLOTS), np.int32)
  length = np.zeros((1, len(ROWS)), np.int32)
  for n, (steps, finished, *_) in enumerate(ROWS):
    encoded = steps_lib.encode_solution(
      tiny_solver.tokenizer(), PROBLEM.prompt, steps, finished
    )
    own = encoded.tokens[encoded.prompt_length :]
    tokens[0, n, : len(own)] = own
    length[0, n] = len(own)
  return tokens, length


@pytest.fixture(scope="module")
def solved(rows):
  tokens, length = rows
  shape = length.shape
  counts = np.array([7], np.int32)
  return solver.Solved(
    problems=[PROBLEM],
    tokens=tokens,
    length=length,
    chosen=np.array([2], np.int32),
    score=np.arange(shape[1], dtype=np.float32)[None],
    step_scores=np.full((*shape, 3), 0.5, np.float32),
    num_steps=np.array([[len(row[0]) for row in ROWS]], np.int32),
    log_weight=np.zeros(shape, np.float32),
    log_evidence=np.zeros(1, np.float32),
    done=np.array([[row[1] for row in ROWS]]),
    cost=base.Cost(*[counts] * len(base.Cost._fields)),
    slots=0,
    wall_s=2.0,
    step_format=step.StepFormat(delimiters.single_tokens([2], 4), 1, 18),
  )


@pytest.fixture(scope="module")
def judged(solved):
  return judging.judge(tiny_solver.task(), tiny_solver.tokenizer(), solved)


def test_rows_are_read_and_verified(judged):
  assert judged.steps[0] == [row[0] for row in ROWS]
  want = [row[0] == SOLUTION and row[1] for row in ROWS]
  np.testing.assert_array_equal(judged.correct, [want])
  for (_, finished, *_), answer in zip(ROWS, judged.answers[0], strict=True):
    assert finished or answer is None
  assert judged.answers[0][0] == judged.answers[0][-1] is not None


def test_equal_rows_are_verified_once(solved):
  task = tiny_solver.task()
  asked = []

  class Counting:
    def verify(self, problem, steps):
      asked.append(steps)
      return task.verify(problem, steps)

    def __getattr__(self, name):
      return getattr(task, name)

  judging.judge(Counting(), tiny_solver.tokenizer(), solved)
  assert len(asked) == 2  # of three that are finished


def test_records_hold_the_rows(solved, judged, rows):
  solutions = judging.to_solutions(solved, judged, "test")
  assert len(solutions) == len(ROWS)
  assert [s.correct for s in solutions] == judged.correct[0].tolist()
  for n, solution in enumerate(solutions):
    assert solution.problem_id == PROBLEM.id
    assert solution.steps == ROWS[n][0]
    own = rows[0][0, n, : rows[1][0, n]]
    assert solution.tokens == tuple(own.tolist())
  (sample,) = judging.to_samples(solved, judged)
  assert (sample.problem_id, sample.chosen) == (PROBLEM.id, 2)
  assert sample.cost == {**dict.fromkeys(base.Cost._fields, 7), "wall_s": 2.0}
  for n, row in enumerate(sample.rows):
    assert row.steps == ROWS[n][0]
    assert row.score == n
    assert row.step_scores == (0.5,) * len(ROWS[n][0])


@pytest.mark.parametrize("kind", ["value", "solvable"])
def test_exact_values(rows, kind):
  tokens, length = rows
  tokenizer = tiny_solver.tokenizer()
  values = oracle.OracleValues(
    tiny_solver.task(), tokenizer, [*tiny_solver.problems(), PROBLEM], kind
  )
  prompt = tokenizer.encode(PROBLEM.prompt)
  padded = np.array([[*prompt, 0, 0]], np.int32)
  got = values(padded, np.array([len(prompt)], np.int32), tokens, length)
  assert got.dtype == np.float32
  for n, (steps, _, value, solvable) in enumerate(ROWS):
    want = value if kind == "value" else solvable
    if want is None:
      want = tiny_solver.task().value(PROBLEM, steps)
      assert 0 < want < 1
    assert got[0, n] == pytest.approx(want)


def test_rows_vote_by_their_answers(judged):
  """Rows 0 and 6 say the same; rows that were cut off say nothing."""
  scores = np.zeros(judged.correct.shape)
  scores[0, [0, 1, 2, 6]] = 0.3, 1.0, 0.5, 0.4
  silent = judged.answers[0][1] is None
  assert silent
  assert judging.vote(judged, votes.weighted, scores).tolist() == [0]
  best = judging.vote(judged, votes.naive, scores).tolist()
  answered = [n for n, a in enumerate(judged.answers[0]) if a is not None]
  assert best == [max(answered, key=lambda n: scores[0, n])]


def test_mistake_5_a_row_that_was_cut_off_is_not_finished(judged):
  """The same steps with and without `<eos>`."""
  assert judged.steps[0][0] == judged.steps[0][1]
  assert judged.correct[0].tolist()[:2] == [True, False]
  assert judged.answers[0][1] is None


def test_copies_and_unknown_answers_are_told(solved, judged):
  """Rows without weight that stand there before; what no task can tell."""
  known = np.ones_like(judged.correct)
  known[0, 1] = False
  weight = solved.log_weight.copy()
  weight[0, [1, -1]] = -np.inf  # the last one is the first one again
  tokens, length = solved.tokens.copy(), solved.length.copy()
  tokens[0, -1], length[0, -1] = tokens[0, 0], length[0, 0]
  (sample,) = judging.to_samples(
    solved._replace(log_weight=weight, tokens=tokens, length=length),
    judged._replace(known=known),
  )
  copies = [bool(row.extra.get(judging.COPY)) for row in sample.rows]
  assert copies == [False] * (len(ROWS) - 1) + [True]
  assert [row.correct is None for row in sample.rows].index(True) == 1
  assert sum(row.correct is None for row in sample.rows) == 1
  solutions = judging.to_solutions(
    solved, judged._replace(known=known), "policy"
  )
  assert [one.correct for one in solutions] == [
    row.correct for row in sample.rows
  ]
