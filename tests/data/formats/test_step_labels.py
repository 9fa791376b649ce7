"""PRM800K, Math-Shepherd, MATH-APS and TRL: labels counted by hand."""

import json

import pytest

from prm_jax import errors
from prm_jax.data.formats import math_aps, math_shepherd, prm800k, rows, trl


@pytest.fixture
def testdata(project_root):
  return project_root / "tests" / "testdata"


def labels(form, path):
  found = rows.read(form, path)
  return [record.labels for record in found.records], found.told


def write(path, *values):
  path.write_text("".join(json.dumps(value) + "\n" for value in values))
  return path


def test_prm800k_rows_as_trl_makes_them(testdata):
  form = prm800k.make(prm800k.Config(neutral="wrong"))
  found, told = labels(form, testdata / "prm800k.jsonl")
  # The first line: two alternatives at step 2, one at step 3, and the path.
  # The second: two ends at step 2, and what goes before. The third: its path.
  assert [len(label.steps) for label in found] == [2, 2, 3, 4, 2, 2, 1, 1]
  assert [label.hard for label in found] == [
    (1, 0),
    (1, 0),
    (1, 1, 0),
    (1, 1, 1, 1),
    (0, 0),
    (0, 0),
    (0,),
    (None,),
  ]
  assert found[3].human == (1, 1, 1, 1)  # the third is the labeller's own
  assert found[3].steps[2] == "0.8 minutes is 48 s."
  assert told == {
    "quality control rows, left out": 1,
    "screening rows, left out": 1,
    "rows without a labelled step, left out": 1,
    "steps without a rating, not supervised": 1,
  }


def test_prm800k_path_up_to_where_it_stopped(testdata):
  form = prm800k.make(prm800k.Config(rows="trajectory"))
  found, _ = labels(form, testdata / "prm800k.jsonl")
  assert [label.human for label in found] == [(1, 1, 1, 1), (0, -1), (None,)]
  assert [label.hard for label in found] == [(1, 1, 1, 1), (1, 0), (None,)]
  assert [label.first_error for label in found] == [-1, 1, -1]
  assert found[1].steps == ("I look for the largest.", "It is 2.")


@pytest.mark.parametrize(
  ("neutral", "hard"), [("correct", 1), ("wrong", 0), ("drop", None)]
)
def test_prm800k_neutral_steps(neutral, hard, testdata):
  config = prm800k.Config(neutral=neutral, rows="trajectory")
  found, _ = labels(prm800k.make(config), testdata / "prm800k.jsonl")
  assert found[1].hard == (hard, 0)
  assert found[1].human == (0, -1)
  assert found[1].first_error == 1  # a neutral step is no error


def test_prm800k_screening_rows_can_be_kept(testdata):
  form = prm800k.make(prm800k.Config(rows="trajectory", screening="keep"))
  found, told = labels(form, testdata / "prm800k.jsonl")
  assert len(found) == 5
  assert "screening rows, left out" not in told


@pytest.mark.parametrize(
  ("step", "told"),
  [
    ({"completions": [{"text": "a", "rating": 2}]}, "rating: 2 is none of"),
    ({"completions": [], "chosen_completion": 0}, "chosen_completion: 0 with"),
    ({"completions": "a"}, r"label.steps\[0\].completions: must be a list"),
  ],
)
def test_prm800k_bad_step(step, told, testdata, tmp_path):
  row = json.loads((testdata / "prm800k.jsonl").read_text().splitlines()[0])
  row["label"]["steps"] = [step]
  path = write(tmp_path / "phase1_train.jsonl", row)
  with pytest.raises(errors.UserError, match=f"phase1_train.jsonl:1: .*{told}"):
    rows.read(prm800k.make(), path)


def test_math_shepherd_tags_and_signs(testdata):
  found = rows.read(math_shepherd.FORMAT, testdata / "math_shepherd.jsonl")
  first, last = found.records
  assert first.problem.prompt == "Janet\u2019s ducks lay 16 eggs. How much?"
  assert first.labels.steps == (
    "Step 1: 16 - 3 = 13",
    "Step 2: 13 + 4 = 18",
    "Step 3: The answer is: 18",
  )
  assert first.labels.hard == (1, 0, 0)
  assert first.problem.meta == {"task": "GSM8K"}
  assert last.labels.steps == ("Step 1: up", "Step 3: 4")
  assert found.told == {
    "rows without one 'Step 1:' before the first tag, left out": 1,
    "rows without a tag, left out": 1,
    "rows where tags and signs are not at the same places, left out": 1,
    "empty steps, left out": 1,
  }


def test_math_aps_flat_prefixes_make_a_tree(testdata):
  found = rows.read(math_aps.make(), testdata / "math_aps_flat.jsonl")
  made = [record.labels for record in found.records]
  assert [label.steps for label in made] == [
    ("A", "B"),
    ("A", "C"),
    ("D",),
    ("y",),
  ]
  assert [label.n_correct for label in made] == [(24, 8), (24, 32), (0,), (1,)]
  assert {n for label in made for n in label.n_total} == {32}
  assert found.records[0].problem.answer == "4"
  assert found.told == {
    "prefixes that do not begin with the question, left out": 1,
    "prefixes that stand there twice, left out": 1,
  }


def test_math_aps_tree_and_flat_forms_agree(testdata):
  flat, _ = labels(math_aps.make(), testdata / "math_aps_flat.jsonl")
  tree, told = labels(math_aps.make(), testdata / "math_aps_tree.jsonl")
  assert tree == flat[:3]
  assert told == {}


def test_math_aps_shared_prefixes_labelled_once(testdata):
  form = math_aps.make(math_aps.Config(shared="once"))
  found, _ = labels(form, testdata / "math_aps_flat.jsonl")
  assert [label.n_total for label in found] == [(32, 32), (0, 32), (32,), (32,)]


def test_math_aps_of_unknown_counts(testdata, tmp_path):
  path = testdata / "math_aps_flat.jsonl"
  with pytest.raises(errors.UserError, match=r"0.75 is no share of 3 rollouts"):
    rows.read(math_aps.make(math_aps.Config(num_rollouts=3)), path)
  found, _ = labels(math_aps.make(math_aps.Config(num_rollouts=0)), path)
  assert found[0].soft == (0.75, 0.25)
  assert found[0].n_total == (0, 0)


def test_published_math_aps_sample(shared_data):
  path = shared_data("math_aps/sample.jsonl")
  found = rows.read(math_aps.make(), path)
  assert len({record.problem.id for record in found.records}) == 3
  listed = {
    step["solution_prefix"]
    for line in path.read_text().splitlines()
    for step in json.loads(line)["reasoning_steps"]
  }
  leaves = {
    text
    for text in listed
    if not any(o != text and o.startswith(text) for o in listed)
  }
  assert len(found.records) == len(leaves)
  # Prefixes that were judged twice have the rollouts of both.
  totals = [n for record in found.records for n in record.labels.n_total]
  assert set(totals) == {32, 64}
  assert found.told == {"prefixes that stand there twice, left out": 6}


def test_trl_labels(testdata):
  found, told = labels(trl.FORMAT, testdata / "trl.jsonl")
  assert [label.hard for label in found] == [
    (1, 0),
    None,
    (1, None, 0),
    (1, 0),
  ]
  assert found[1].soft == (0.7, 0.0)
  assert found[3].steps == ("\u0430", "\u0431")
  assert told == {
    "empty steps, left out": 1,
    "steps without a label, not supervised": 1,
  }


@pytest.mark.parametrize("label", [2, -1, "yes", 1.5, [True]])
def test_trl_label_that_is_none(label, tmp_path):
  row = {"prompt": "p", "completions": ["a", "b"], "labels": [True, label]}
  with pytest.raises(errors.UserError, match=r"t.jsonl:1: labels\[1\]: "):
    rows.read(trl.FORMAT, write(tmp_path / "t.jsonl", row))


def test_trl_label_count(tmp_path):
  row = {"prompt": "p", "completions": ["a", "b"], "labels": [True]}
  with pytest.raises(errors.UserError, match=r"1 labels for 2 completions"):
    rows.read(trl.FORMAT, write(tmp_path / "t.jsonl", row))
