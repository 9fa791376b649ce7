"""Questions of a user's file."""

import json

import pytest

from prm_jax import errors
from prm_jax.tasks import base, questions


def write(path, *lines):
  path.write_text("\n".join(json.dumps(line) for line in lines))
  return questions.Questions(questions.Config(str(path)))


def test_every_way_to_write_a_question(tmp_path):
  task = write(
    tmp_path / "q.jsonl",
    {"question": "2 + 2?", "answer": "It is 4.\n#### 4"},
    {"problem": "3 + 3?", "answer": 6, "unique_id": "test/7"},
    {"prompt": "Why?", "id": 3},
    {"record": "problem", "id": "a", "task": "t", "prompt": "p", "answer": "x"},
  )
  assert isinstance(task, base.Task)
  assert list(task.problems("test")) == [
    base.Problem("questions/1", "questions", "2 + 2?", "4"),
    base.Problem("test/7", "questions", "3 + 3?", "6"),
    base.Problem("3", "questions", "Why?", None),
    base.Problem("a", "t", "p", "x"),
  ]


@pytest.mark.parametrize(
  ("steps", "answer", "correct"),
  [
    (["So", "\\boxed{1,234}"], "1234", True),
    (["\\boxed{1}", "\\boxed{\\frac{1}{2}} it is 1234"], "1/2", False),
    (["2 and 1234"], "1234", True),
    (["\\boxed{1234"], None, False),
    (["none"], None, False),
  ],
)
def test_the_last_answer_counts(steps, answer, correct, tmp_path):
  task = write(tmp_path / "q.jsonl", {"question": "?", "answer": "1234"})
  (problem,) = task.problems("test")
  found = task.verify(problem, steps)
  assert (found.answer, found.correct) == (answer, correct)


@pytest.mark.parametrize(
  ("text", "told"),
  [
    ("{}", ":1: none of the fields question, problem, prompt"),
    ('{"question": "a"}\n[1]', ":2: not a JSON object"),
    ('{"question": " "}', ":1: question: must be a text"),
    ('{"question": "a", "answer": [1]}', ":1: answer: must be a text or"),
    ("{", ":1: not JSON"),
    ("\n", ": holds no question"),
    (
      '{"prompt": "a", "id": 1}\n{"prompt": "b", "id": "1"}',
      "'1' stands there",
    ),
  ],
)
def test_a_bad_file(text, told, tmp_path):
  path = tmp_path / "q.jsonl"
  path.write_text(text)
  task = questions.Questions(questions.Config(str(path)))
  with pytest.raises(errors.UserError) as error:
    task.problems("test")
  assert told in str(error.value)
  assert str(path) in str(error.value)


def test_no_file(tmp_path):
  task = questions.Questions(questions.Config(str(tmp_path / "none")))
  with pytest.raises(errors.UserError, match="no such file"):
    task.problems("test")
  with pytest.raises(errors.UserError, match="--input FILE"):
    questions.Questions().problems("test")
