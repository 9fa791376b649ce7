"""Benchmarks of verifiers: the rows that are evaluated, and their labels."""

import dataclasses
import json

import pytest

from prm_jax import errors
from prm_jax.data.formats import prm_bench, process_bench, reward_math, rows


@pytest.fixture
def testdata(project_root):
  return project_root / "tests" / "testdata"


def write(path, *values):
  path.write_text("".join(json.dumps(value) + "\n" for value in values))
  return path


def test_process_bench_cases(testdata):
  found = rows.read(process_bench.FORMAT, testdata / "process_bench.jsonl")
  first, second, third = found.records
  assert [case.label for case in found.records] == [1, -1, 0]
  assert [c.subset for c in found.records] == ["gsm8k", "gsm8k", "omnimath"]
  assert first.steps[1] == "6 more make 18 + 6 = 25."
  assert not first.final_answer_correct
  assert second.generator == "Llama-3.1-8B"
  # A right answer by a wrong step: what the benchmark is about.
  assert third.final_answer_correct
  assert third.problem == "Für welches π…? 角度"
  assert third.extra == {"difficulty": 4.5}
  assert found.bad == []
  assert found.told == {}


def test_process_bench_labels_stop_at_the_earliest_error(testdata):
  found = rows.read(process_bench.FORMAT, testdata / "process_bench.jsonl")
  made = [
    item.labels
    for case in found.records
    for item in process_bench.labelled(case)
  ]
  assert [label.first_error for label in made] == [1, -1, 0]
  assert [label.hard for label in made] == [(1, 0, 0), (1, 1), (0, 0)]


@pytest.mark.parametrize(
  ("changes", "told"),
  [
    ({"label": 3}, "label: 3 with 3 steps"),
    ({"label": -2}, "label: -2 with 3 steps"),
    ({"label": True}, "label: must be a whole number"),
    ({"steps": "one"}, "steps: must be a list"),
    ({"final_answer_correct": 1}, "final_answer_correct: must be true or"),
  ],
)
def test_a_bad_row_is_named_by_file_line_and_field(
  testdata, tmp_path, changes, told
):
  good, *_ = (testdata / "process_bench.jsonl").read_text().splitlines()
  bad = {**json.loads(good), **changes}
  path = write(tmp_path / "gsm8k.jsonl", json.loads(good), bad)
  with pytest.raises(errors.UserError, match=rf"gsm8k.jsonl:2: {told}"):
    rows.read(process_bench.FORMAT, path)
  kept = rows.read(process_bench.FORMAT, path, skip_bad=True)
  assert len(kept.records) == len(kept.bad) == 1
  assert told in kept.bad[0]


def test_reward_math_groups(testdata):
  found = rows.read(reward_math.FORMAT, testdata / "reward_math.json")
  first, second = reward_math.groups(found.records)
  assert first.chosen.id == 0
  assert [case.id for case in first.rejected] == [1, 2]
  assert first.rejected[1].solution_reference == "google/gemma-7b-it"
  assert second.chosen.id == 40  # wherever it stands
  assert [case.id for case in second.rejected] == [41]
  verdicts = [
    item.solution.correct
    for case in found.records
    for item in reward_math.solved(case)
  ]
  assert verdicts == [True, False, False, False, True]


def test_reward_math_group_without_its_chosen_solution(testdata):
  found = rows.read(reward_math.FORMAT, testdata / "reward_math.json")
  with pytest.raises(errors.UserError, match="problem_id 0: 0 chosen and 2"):
    reward_math.groups(found.records[1:])
  other = dataclasses.replace(found.records[1], solution_type="chosen")
  with pytest.raises(errors.UserError, match="problem_id 0: 2 chosen"):
    reward_math.groups([found.records[0], other])


def test_prm_bench_counts_steps_from_one(testdata):
  found = rows.read(prm_bench.FORMAT, testdata / "prm_bench.jsonl")
  circular, redundant, several = found.records
  assert circular.labels == (True, False, False, True)
  assert redundant.labels == (True, False, True, True)
  assert several.labels == (True, True)
  assert found.told == {"error_steps beyond the solution, left out": 1}
  assert redundant.error_steps == (2,)
  # The idx carries the class in one release, not in another.
  assert circular.source_id == redundant.source_id == "prm_test_p1_0"
  (item,) = prm_bench.labelled(circular)
  assert item.labels.hard == (1, 0, 0, 1)
  assert item.labels.first_error is None  # all steps are judged


def test_originals_of_redundant_cases_are_the_right_samples(testdata):
  found = rows.read(prm_bench.FORMAT, testdata / "prm_bench.jsonl")
  right = [prm_bench.originals(case) for case in found.records]
  assert right[0] is right[2] is None
  assert right[1] is not None
  assert right[1].idx == "correct_prm_test_p1_0"
  assert right[1].modified_process == ("p and e.", "3p+e=1.24", "p=0.29")
  assert right[1].labels == (True, True, True)


def test_every_kind_of_error_has_one_category():
  kinds = [k for names in prm_bench.CATEGORIES.values() for k in names]
  assert len(kinds) == len(set(kinds)) == 9
