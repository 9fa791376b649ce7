"""GSM8K and MATH from files: problems, steps, verdicts, what there is not."""

import json

import numpy as np
import pytest

from prm_jax import errors
from prm_jax.tasks import base, gsm8k, hendrycks_math, registry

GSM8K_ROWS = [
  {
    "question": f"What is {n} + {n}?",
    "answer": f"{n}+{n}=<<{n}+{n}={2 * n}>>{2 * n}.\nDone.\n#### {2 * n:,}",
  }
  for n in range(600, 640)
]
MATH_ROW = {
  "problem": "Halve $1$.",
  "solution": "We halve.\n\nSo $\\boxed{\\frac{1}{2}}$.",
  "answer": "\\frac{1}{2}",
  "subject": "Algebra",
  "level": 1,
  "unique_id": "test/algebra/1.json",
}


def write(path, rows):
  path.write_text("".join(json.dumps(row) + "\n" for row in rows))
  return str(path)


@pytest.fixture
def folder(tmp_path):
  write(tmp_path / "test.jsonl", GSM8K_ROWS[:3])
  write(tmp_path / "train.jsonl", GSM8K_ROWS[3:])
  return tmp_path


def test_gsm8k_splits(folder):
  task = gsm8k.Gsm8k(gsm8k.Config(str(folder)))
  assert isinstance(task, base.Task)
  counts = {
    split: len(list(task.problems(split)))
    for split in ("train", "validation", "test")
  }
  assert counts["test"] == 3
  assert counts["train"] + counts["validation"] == 37
  assert min(counts.values()) > 0
  problem = next(task.problems("test"))
  assert problem.prompt == "What is 600 + 600?"
  assert problem.answer == "1200"
  assert problem.id.startswith("gsm8k/")


def test_gsm8k_steps_are_lines(folder):
  rng = np.random.default_rng(0)
  for calculator, first in (
    ("remove", "600+600=1200."),
    ("keep", "600+600=<<600+600=1200>>1200."),
  ):
    config = gsm8k.Config(str(folder), calculator=calculator)
    task = gsm8k.Gsm8k(config)
    problem = next(task.problems("test"))
    (steps,) = task.demonstrations(problem, rng, 3)
    assert steps == [first, "Done.", "#### 1200"]
    assert task.verify(problem, steps).correct


def test_a_file_is_the_test_split(folder):
  task = gsm8k.Gsm8k(gsm8k.Config(str(folder / "test.jsonl")))
  assert len(list(task.problems("test"))) == 3
  with pytest.raises(errors.UserError, match="the train split needs a folder"):
    list(task.problems("train"))


def test_math_of_lines_and_of_a_folder(tmp_path):
  lines = write(tmp_path / "math500.jsonl", [MATH_ROW])
  task = hendrycks_math.Math(hendrycks_math.Config(lines))
  (problem,) = task.problems("test")
  assert problem == base.Problem(
    "math/test/algebra/1.json",
    "math",
    "Halve $1$.",
    "\\frac{1}{2}",
    {"subject": "Algebra", "level": 1},
  )
  (steps,) = task.demonstrations(problem, np.random.default_rng(0), 1)
  assert steps == ["We halve.", "So $\\boxed{\\frac{1}{2}}$."]
  place = tmp_path / "MATH" / "test" / "algebra"
  place.mkdir(parents=True)
  row = {k: MATH_ROW[k] for k in ("problem", "solution")}
  row |= {"level": "Level 1", "type": "Algebra"}
  (place / "1.json").write_text(json.dumps(row))
  task = hendrycks_math.Math(hendrycks_math.Config(str(tmp_path / "MATH")))
  (found,) = task.problems("test")
  assert (found.answer, found.meta["subject"]) == ("\\frac{1}{2}", "Algebra")


@pytest.mark.parametrize(
  ("steps", "correct", "answer", "reason"),
  [
    (["\\boxed{1/2}"], True, "1/2", "the answer 1/2 is the reference"),
    (["The answer is 0.5."], True, "1/2", "the answer 1/2 is the reference"),
    (
      ["\\boxed{3}"],
      False,
      "3",
      "the answer 3 is not the reference, \\frac{1}{2}",
    ),
    (["half"], False, None, "no answer found by boxed, answer_is"),
    ([], False, None, "no answer found by boxed, answer_is"),
  ],
)
def test_verdicts(tmp_path, steps, correct, answer, reason):
  lines = write(tmp_path / "math500.jsonl", [MATH_ROW])
  task = hendrycks_math.Math(hendrycks_math.Config(lines))
  (problem,) = task.problems("test")
  assert task.verify(problem, steps) == base.Verdict(correct, answer, reason)


def test_rules_are_the_users_choice(folder):
  steps = ["so it is 1200"]
  strict = gsm8k.Gsm8k(gsm8k.Config(str(folder)))
  problem = next(strict.problems("test"))
  assert not strict.verify(problem, steps).correct
  rules = ("hashes", "last_number")
  lenient = gsm8k.Gsm8k(gsm8k.Config(str(folder), rules=rules))
  assert lenient.verify(problem, steps).correct


@pytest.mark.parametrize("name", ["gsm8k", "math", "questions"])
def test_what_text_does_not_have_is_told(name):
  entry = registry.get(name)
  task = entry.make(entry.config())
  problem = base.Problem("a", name, "?", "1")
  for ask in (
    task.tokenizer,
    lambda: task.oracle(problem, ["1"]),
    lambda: task.value(problem, ["1"]),
    lambda: task.demonstrations(problem, np.random.default_rng(0), 1),
    lambda: next(task.problems("test")),
  ):
    with pytest.raises(errors.UserError) as told:
      ask()
    assert "\n" not in str(told.value)


def test_no_path_says_where_the_files_are():
  with pytest.raises(errors.UserError, match=r"task\.problems: .*openai/grade"):
    next(gsm8k.Gsm8k().problems("test"))
  with pytest.raises(errors.UserError, match=r"task\.problems: .*prm800k"):
    next(hendrycks_math.Math().problems("test"))


@pytest.mark.parametrize(
  ("row", "told"),
  [
    ({"question": "a"}, ":1: answer: must be a text"),
    ({"question": "a", "answer": "5"}, ":1: answer: no '####' with an answer"),
    ({"problem": "a"}, ":1: question: must be a text"),
    ([1], ":1: not a JSON object"),
  ],
)
def test_bad_rows(tmp_path, row, told):
  path = write(tmp_path / "q.jsonl", [row])
  with pytest.raises(errors.UserError) as error:
    next(gsm8k.Gsm8k(gsm8k.Config(path)).problems("test"))
  assert f"{path}{told}" in str(error.value)


@pytest.mark.parametrize(
  ("fields", "told"),
  [
    ({"rules": ("regex",)}, r"task\.rules: 'regex' is not one of"),
    ({"max_steps": 0}, r"task\.max_steps: must be at least 1"),
  ],
)
def test_bad_config(fields, told):
  with pytest.raises(errors.UserError, match=told):
    gsm8k.Config(**fields)
