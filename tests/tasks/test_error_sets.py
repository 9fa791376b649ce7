"""Solutions with planted errors, in numbers and in words."""

import json

import pytest

from prm_jax import errors
from prm_jax.tasks import base, chain, error_sets, graph_arithmetic, graph_words

TASKS = {
  "chain": chain.Chain(
    chain.Config(num_problems=100, error_rate=0.2, recovery_rate=0.3)
  ),
  "graph_arithmetic": graph_arithmetic.GraphArithmetic(
    graph_arithmetic.Config(num_problems=100, error_rate=0.2, recovery_rate=0.5)
  ),
}
FIELDS = [
  "id",
  "generator",
  "problem",
  "steps",
  "final_answer_correct",
  "label",
]


@pytest.fixture(params=sorted(TASKS))
def task(request):
  return TASKS[request.param]


def test_rows_are_as_the_task_judges_them(task):
  rows = error_sets.make_rows(task, "train", 60)
  problems = {p.id: p for p in task.problems("train")}
  assert [list(row)[:6] for row in rows] == [FIELDS] * 60
  for row in rows:
    problem, steps = problems[row["problem_id"]], row["steps"]
    assert row["problem"] == problem.prompt
    valid = task.oracle(problem, steps).valid
    expected = valid.index(False) if False in valid else -1
    assert row["label"] == expected
    verdict = task.verify(problem, steps)
    assert row["final_answer_correct"] == verdict.correct
  counts = error_sets.count(rows)
  assert counts.erroneous == counts.correct == 30
  assert 0 < counts.recovered < 30  # right answers after an error
  assert len({row["id"] for row in rows}) == 60
  assert len({row["problem_id"] for row in rows}) == 60


def test_rows_do_not_depend_on_how_many_there_are(task):
  few = error_sets.make_rows(task, "test", 5, seed=3)
  assert error_sets.make_rows(task, "test", 12, seed=3)[:5] == few
  assert error_sets.make_rows(task, "test", 5, seed=4) != few


def test_words_say_what_the_numbers_say(task):
  numbers = error_sets.make_rows(task, "test", 8)
  words = error_sets.make_rows(task, "test", 8, style="words")
  for one, other in zip(numbers, words, strict=True):
    assert {**other, "problem": one["problem"], "steps": one["steps"]} == one
    assert len(one["steps"]) == len(other["steps"])
    for step, text in zip(one["steps"], other["steps"], strict=True):
      assert step.rpartition(" ")[2] in text
      assert text.endswith(".")


def test_words_by_example():
  problem = base.Problem(
    "graph_arithmetic/x",
    "graph_arithmetic",
    "",
    "15",
    {
      "modulus": 23,
      "definitions": [[24, 5, "", 0], [25, 24, "*", 3]],
      "query": 25,
    },
  )
  assert graph_words.question(problem) == (
    "The number of books in the barn is 5. The number of candles in the "
    "cellar is the number of books in the barn times 3. All arithmetic is "
    "modulo 23. What is the number of candles in the cellar?"
  )
  steps = ["24 = 5", "25 = 24 * 3 = 5 * 3 = 15", "= 15", "nonsense"]
  assert graph_words.solution(problem, steps) == [
    "The number of books in the barn is 5.",
    "The number of candles in the cellar is the number of books in the barn "
    "times 3, which is 5 * 3 = 15.",
    "The answer is 15.",
    "nonsense",
  ]


def test_every_quantity_has_its_own_name():
  config = graph_arithmetic.Config(num_quantities=100, num_problems=1)
  task = graph_arithmetic.GraphArithmetic(config)
  (problem,) = (p for s in ("train", "validation", "test")
                for p in task.problems(s))  # fmt: skip
  said = graph_words.question(problem).split(". ")
  names = {line.partition(" is ")[0] for line in said[:100]}
  assert len(names) == 100


def test_json_lines(task):
  rows = error_sets.make_rows(task, "test", 3)
  text = error_sets.to_lines(rows)
  assert [json.loads(line) for line in text.splitlines()] == rows


def test_bad_requests():
  sure = chain.Chain(chain.Config(error_rate=0.0, num_problems=50))
  with pytest.raises(errors.UserError, match="no solution with an error"):
    error_sets.make_rows(sure, "test", 2)
  assert error_sets.make_rows(sure, "test", 2, share_wrong=0.0)
  with pytest.raises(errors.UserError, match="expected at least 1 and a share"):
    error_sets.make_rows(sure, "test", 0)
