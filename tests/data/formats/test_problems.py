"""GSM8K, MATH and MATH-500: small files, and the published ones."""

import json

import pytest

from prm_jax import errors
from prm_jax.data.formats import gsm8k, math_problems, rows
from prm_jax.tasks import answers as answers_lib


@pytest.fixture
def testdata(project_root):
  return project_root / "tests" / "testdata"


def steps(found):
  return [record.solution.steps for record in found.records]


def answers(found):
  return [record.problem.answer for record in found.records]


def test_gsm8k_steps_and_answers(testdata):
  found = rows.read(gsm8k.make(), testdata / "gsm8k.jsonl")
  assert answers(found) == ["18", "2000", "-2"]
  assert steps(found)[0] == (
    "She has 16 - 3 - 4 = <<16-3-4=9>>9 left.",
    "So she sells 9 * 2 = $<<9*2=18>>18.",
  )
  assert [len(one) for one in steps(found)] == [2, 1, 1]
  first = found.records[0]
  assert first.solution.correct
  assert first.solution.answer == "18"
  assert first.solution.problem_id == first.problem.id
  assert found.records[1].problem.prompt == "Zoë saves €1,000 twice. Sum?"


def test_calculator_spans_can_be_removed(testdata):
  form = gsm8k.make(gsm8k.Config(calculator="remove"))
  found = rows.read(form, testdata / "gsm8k.jsonl")
  assert steps(found) == [
    ("She has 16 - 3 - 4 = 9 left.", "So she sells 9 * 2 = $18."),
    ("Twice €1,000 is 2*1000=2,000.",),
    ("-3 + 1 = -2",),
  ]


@pytest.mark.parametrize("answer", ["18", "it is 18\n####", "####  "])
def test_gsm8k_row_without_an_answer(answer, tmp_path):
  path = tmp_path / "a.jsonl"
  path.write_text(json.dumps({"question": "q", "answer": answer}))
  with pytest.raises(errors.UserError, match=r"a.jsonl:1: answer: no '####'"):
    rows.read(gsm8k.make(), path)


def test_math_folder_of_one_file_a_problem(testdata):
  found = rows.read(math_problems.make(), testdata / "math")
  assert [r.problem.id for r in found.records] == [
    "math/test/geometry/12.json",
    "math/train/algebra/7.json",
  ]
  assert answers(found) == [r"\frac{1}{\sqrt{2}}", "2"]  # the last box
  assert [r.problem.meta for r in found.records] == [
    {"subject": "Geometry", "level": None},
    {"subject": "Algebra", "level": 1},
  ]
  assert found.told == {"problems without a level, kept": 1}
  assert steps(found)[1] == ("Divide.", r"So $x=\boxed{2}$.")


def test_math500_rows_have_the_ids_of_math(testdata):
  found = rows.read(math_problems.make_500(), testdata / "math500.jsonl")
  (record,) = found.records
  assert record.problem.id == "math/test/precalculus/807.json"
  assert record.problem.answer == r"\frac{\pi}{4}"
  assert record.problem.meta == {"subject": "Precalculus", "level": 2}


@pytest.mark.parametrize(("split", "count"), [("train", 7473), ("test", 1319)])
def test_published_gsm8k(split, count, shared_data):
  form = gsm8k.make(gsm8k.Config(calculator="remove"))
  found = rows.read(form, shared_data(f"gsm8k/{split}.jsonl"))
  assert len(found.records) == count
  assert rows.published(form, found.fingerprint) == split
  assert len({r.problem.id for r in found.records}) == count
  for record in found.records:
    assert record.solution.steps
    assert not any("<<" in step for step in record.solution.steps)
    assert float(record.problem.answer) is not None


def test_published_math500(shared_data):
  form = math_problems.make_500()
  found = rows.read(form, shared_data("math500/test.jsonl"))
  assert len(found.records) == 500
  assert rows.published(form, found.fingerprint) == "test"
  assert len({r.problem.id for r in found.records}) == 500
  assert {r.problem.meta["level"] for r in found.records} == {1, 2, 3, 4, 5}
  # The answer column is what stands in the last box, but for its blanks.
  differ = [
    record.problem.answer
    for record in found.records
    if answers_lib.last_boxed("\n\n".join(record.solution.steps)).replace(
      " ", ""
    )
    != record.problem.answer.replace(" ", "")
  ]
  assert len(differ) <= 10, differ
