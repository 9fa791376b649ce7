"""Files of solutions in the shapes that people have them."""

import json

import pytest

from prm_jax import errors
from prm_jax.data import json_lines, record_files, records, solution_files
from prm_jax.tasks import base as tasks

Q = "How many?"
SHAPES = [
  ({"question": Q, "steps": ["a", "b"]}, ("a", "b")),
  ({"problem": Q, "steps": ["a"], "id": "gsm8k-0", "label": -1}, ("a",)),
  ({"prompt": Q, "completions": ["a", "b"], "labels": [True, False]},
   ("a", "b")),
  ({"prompt": Q, "response": "a\n\nb\nc\n\n"}, ("a", "b\nc")),
  ({"question": Q, "answer": "3*2=<<3*2=6>>6\nso 6\n#### 6"},
   ("3*2=6", "so 6", "#### 6")),
  ({"problem": Q, "solution": "a", "answer": None}, ("a",)),
]  # fmt: skip


def write(tmp_path, *lines):
  path = tmp_path / "in.jsonl"
  texts = [x if isinstance(x, str) else json.dumps(x) for x in lines]
  path.write_text("\n".join(texts) + "\n")
  return path


@pytest.mark.parametrize(("row", "steps"), SHAPES)
def test_shapes(row, steps, tmp_path):
  (item,) = solution_files.read(write(tmp_path, "", row), "\n\n").items
  assert item.steps == steps
  assert item.problem.prompt == Q
  assert item.problem.id == row.get("id", "line 2")
  assert item.line == 2


def test_records(tmp_path):
  problem = tasks.Problem("p1", "chain", Q, "6")
  first = records.Solution("p1", ("a", "b"))
  path = write(
    tmp_path, records.to_json(problem), records.to_json(first),
    records.to_json(records.Solution("p1", ("c",))),
  )  # fmt: skip
  items = solution_files.read(path, "\n\n").items
  assert [item.steps for item in items] == [("a", "b"), ("c",)]
  assert items[1].problem == problem
  with pytest.raises(errors.UserError, match=r"in\.jsonl:1: problem_id: no "):
    solution_files.read(write(tmp_path, records.to_json(first)), "\n")


BAD = [
  ("{", "not JSON"),
  ([1], "not a JSON object"),
  ({"steps": ["a"]}, "question: missing"),
  ({"question": Q}, "steps: missing"),
  ({"question": 3, "steps": []}, "question: 3 is not a text"),
  ({"question": Q, "steps": ["a", 3]}, "steps: is neither a text nor a list"),
  ({"record": "search_sample"}, "record: 'search_sample' is not problem"),
]


@pytest.mark.parametrize(("row", "part"), BAD)
def test_bad_lines_are_named(row, part, tmp_path):
  good = {"question": Q, "steps": ["a"]}
  path = write(tmp_path, good, row, good)
  with pytest.raises(errors.UserError, match=part) as told:
    solution_files.read(path, "\n")
  assert "in.jsonl:2: " in str(told.value)
  found = solution_files.read(path, "\n", skip_bad=True)
  assert [item.line for item in found.items] == [1, 3]
  assert len(found.bad) == 1
  assert part in found.bad[0]


def test_nothing_to_score(tmp_path):
  with pytest.raises(errors.UserError, match="holds no solution"):
    solution_files.read(write(tmp_path, ""), "\n")
  with pytest.raises(errors.UserError, match=r"no solution; .*:1: not JSON"):
    solution_files.read(write(tmp_path, "{"), "\n", skip_bad=True)
  with pytest.raises(errors.UserError, match="cannot be read"):
    solution_files.read(tmp_path / "none.jsonl", "\n")


def test_gsm8k(shared_data):
  items = solution_files.read(shared_data("gsm8k/test.jsonl"), "\n\n").items
  assert len(items) == 1319
  assert items[0].steps == (
    "Janet sells 16 - 3 - 4 = 9 duck eggs a day.",
    "She makes 9 * 2 = $18 every day at the farmer\u2019s market.",
    "#### 18",
  )
  assert not any("<<" in step for item in items for step in item.steps)


def test_strings_may_hold_separators_of_lines(tmp_path):
  """Records are written with U+2028, U+2029 and U+0085 as they are."""
  given = [
    records.Problem(f"p{i}", "question", f"q{mark}r", "1")
    for i, mark in enumerate("\u2028\u2029\u0085")
  ]
  path = record_files.write(tmp_path / "problems.jsonl", given)
  found = json_lines.read(path, "problem", lambda number, line, row: row)
  assert [row["prompt"] for row in found.items] == [p.prompt for p in given]
