"""Values by rollouts against a policy whose values are known."""

import numpy as np

from prm_jax.solvers import rollouts
from prm_jax.tasks import game24
from prm_jax.text import steps as steps_lib

TASK = game24.Game24()
SOLUTION = ["13 - 9 = 4 | 4 4 10", "10 - 4 = 6 | 4 6", "4 * 6 = 24 | 24"]


class _Scripted:
  """Stands for a solver: half of the rows end right, half stop short."""

  def __init__(self, tokenizer, rest):
    self.tokenizer, self.rest, self.seen = tokenizer, rest, []

  def solve(self, problems):
    self.seen = [problem.prompt for problem in problems]
    rows = []
    for rest in self.rest:
      encoded = steps_lib.encode_solution(self.tokenizer, ":", rest)
      right = encoded.tokens[encoded.prompt_length :]
      rows.append([right, right[:-1]])  # without <eos>: unfinished
    width = max(len(x) for row in rows for x in row)
    tokens = np.zeros((len(rows), 2, width), np.int32)
    length = np.zeros((len(rows), 2), np.int32)
    for i, row in enumerate(rows):
      for n, x in enumerate(row):
        tokens[i, n, : len(x)], length[i, n] = x, len(x)
    return type("Solved", (), {"tokens": tokens, "length": length})()


def test_counts_completions_of_the_whole_solution():
  problem = game24.make_problem((4, 9, 10, 13))
  wrong = ["4 + 6 = 10 | 10"]
  solver = _Scripted(TASK.tokenizer(), [SOLUTION[1:], SOLUTION, wrong])
  found = rollouts.from_prefixes(
    solver,
    TASK,
    TASK.tokenizer(),
    [problem] * 3,
    [SOLUTION[:1], [], SOLUTION[:2]],
  )
  np.testing.assert_array_equal(found.num_correct, [1, 1, 0])
  np.testing.assert_array_equal(found.num_total, [2, 2, 2])
  assert solver.seen[0] == "4 9 10 13 : 13 - 9 = 4 | 4 4 10 ;"
  assert solver.seen[1] == "4 9 10 13 :"


def test_what_is_written_adds_up_to_the_counts():
  problem = game24.make_problem((4, 9, 10, 13))
  wrong = ["4 + 6 = 10 | 10"]
  solver = _Scripted(TASK.tokenizer(), [SOLUTION[1:], wrong])
  given = ([problem] * 2, [SOLUTION[:1], SOLUTION[:2]])
  found = rollouts.write(solver, TASK, TASK.tokenizer(), *given)
  assert [row.steps for row in found[0]] == [tuple(SOLUTION[1:])] * 2
  assert [row.steps for row in found[1]] == [tuple(wrong)] * 2
  assert [(r.correct, r.finished) for r in found[0]] == [
    (True, True),
    (False, False),
  ]
  assert not any(row.correct for row in found[1])
  counts = rollouts.complete(solver, TASK, TASK.tokenizer(), *given)
  assert [column.tolist() for column in counts] == [
    *([1, 0], [2, 2], [0, 0], [1, 1]),
    [sum(row.num_tokens for row in rows) for rows in found],
  ]
  assert found[0][1].num_tokens == found[0][0].num_tokens - 1
