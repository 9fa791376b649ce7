"""Records survive the disk; bad lines are named by file, line and field."""

import json

import numpy as np
import pytest

from prm_jax import errors
from prm_jax.data import record_files, records

PROBLEM = records.Problem("game24/1", "game24", "1 2 3 4 :", None, {"n": [1]})
SOLUTION = records.Solution(
  problem_id="game24/1",
  steps=("1 + 2 = 3 | 3 3 4",),
  answer="24",
  correct=False,
  source="policy",
  tokens=(1, 2, 3),
)
STEP_LABELS = records.StepLabels(
  problem_id="game24/1",
  n_correct=(3, 0),
  n_total=(4, 4),
  completer="policy",
  steps=("a", "b"),
  human=(1, None),
  hard=(1, 0),
  first_error=1,
)
STEP_PAIR = records.StepPair(
  problem_id="game24/1",
  prefix=("a",),
  better=("b",),
  worse=("c", "d"),
  better_value=0.75,
)
SEARCH_SAMPLE = records.SearchSample(
  problem_id="game24/1",
  rows=(
    records.SearchRow(("a",), score=0.5, step_scores=(0.25, 0.5)),
    records.SearchRow((), answer="24", correct=True),
  ),
  chosen=1,
  cost={"policy_tokens": 12},
)
RECORDS = [PROBLEM, SOLUTION, STEP_LABELS, STEP_PAIR, SEARCH_SAMPLE]


@pytest.mark.parametrize("suffix", [".jsonl", ".array_record"])
@pytest.mark.parametrize("record", RECORDS)
def test_records_survive_the_disk(record, suffix, tmp_path):
  path = tmp_path / f"rows{suffix}"
  assert record_files.write(path, [record] * 3) == path
  found = record_files.read(path, type(record))
  assert found.records == [record] * 3
  assert found.bad == []
  assert [f.name for f in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("record", RECORDS)
def test_unknown_fields_are_kept(record, tmp_path):
  line = {**json.loads(records.to_json(record)), "judge": {"name": "x"}}
  read = records.from_json(json.dumps(line), type(record))
  home = read.meta if record is PROBLEM else read.extra
  assert home["judge"] == {"name": "x"}
  again = records.from_json(records.to_json(read), type(record))
  assert again == read


def test_numpy_values_are_written_as_numbers():
  extra = {"scores": np.ones(1), "count": np.int32(3)}
  row = records.Solution("p", (), extra=extra)
  read = records.from_json(records.to_json(row), records.Solution)
  assert read.extra == {"scores": [1.0], "count": 3}


def test_lines_carry_schema_and_kind_but_need_not():
  line = json.loads(records.to_json(SOLUTION))
  assert line["schema"] == records.SCHEMA
  assert line["record"] == "solution"
  plain = '{"problem_id": "p", "steps": []}'
  assert records.from_json(plain, records.Solution).steps == ()


def solution_line(**changes):
  return json.dumps({"problem_id": "p", "steps": ["a"], **changes})


def labels_line(**changes):
  return json.dumps({**json.loads(records.to_json(STEP_LABELS)), **changes})


def pair_line(**changes):
  return json.dumps({**json.loads(records.to_json(STEP_PAIR)), **changes})


BAD_LINES = {
  "no step": (records.StepPair, pair_line(better=[]), "better: has no step"),
  "equal steps": (records.StepPair, pair_line(worse=["b"]), "worse: is the s"),
  "no value": (
    records.StepPair,
    pair_line(worse_value=1.5),
    "worse_value: 1.5 is not in",
  ),
  "malformed": (records.Solution, '{"problem_id": "p"', "not JSON"),
  "not an object": (records.Solution, "[1]", "not a JSON object"),
  "not text": (records.Solution, b"\xff\xfe{}", "not JSON"),
  "missing": (records.Solution, '{"problem_id": "p"}', "steps: missing"),
  "string for list": (
    records.Solution,
    solution_line(steps="a"),
    "steps: must be a list, got 'a'",
  ),
  "number in list": (
    records.Solution,
    solution_line(steps=["a", 3]),
    r"steps\[1\]: must be a string, got 3",
  ),
  "true for a token": (
    records.Solution,
    solution_line(tokens=[True]),
    r"tokens\[0\]: must be a whole number",
  ),
  "number for bool": (
    records.Solution,
    solution_line(correct=1),
    "correct: must be true or false, got 1",
  ),
  "newer schema": (records.Solution, solution_line(schema=2), "schema: 2"),
  "other record": (
    records.Solution,
    labels_line(),
    "record: 'step_labels', expected 'solution'",
  ),
  "too few labels": (
    records.StepLabels,
    labels_line(n_correct=[1]),
    "n_correct: 1 labels for 2 steps",
  ),
  "too many human labels": (
    records.StepLabels,
    labels_line(human=[1, 1, 1]),
    "human: 3 labels for 2 steps",
  ),
  "labels for tokens": (
    records.StepLabels,
    labels_line(granularity="token", tokens=[1, 2, 3]),
    "n_correct: 2 labels for 3 tokens",
  ),
  "no tokens": (
    records.StepLabels,
    labels_line(granularity="token"),
    "tokens: missing",
  ),
  "granularity": (
    records.StepLabels,
    labels_line(granularity="word"),
    "granularity: 'word'",
  ),
  "more correct than all": (
    records.StepLabels,
    labels_line(n_correct=[5, 0]),
    r"n_correct\[0\]: 5 correct of 4",
  ),
  "first error": (
    records.StepLabels,
    labels_line(first_error=2),
    "first_error: 2 with 2 steps",
  ),
  "inner field": (
    records.SearchSample,
    '{"problem_id": "p", "rows": [{"steps": [], "score": "high"}], '
    '"chosen": null, "cost": {}}',
    r"rows\[0\]\.score: must be a number, got 'high'",
  ),
  "chosen": (
    records.SearchSample,
    '{"problem_id": "p", "rows": [], "chosen": 0, "cost": {}}',
    "chosen: 0 with 0 rows",
  ),
}


@pytest.mark.parametrize("name", BAD_LINES)
def test_bad_line_is_named_or_skipped_and_counted(name, tmp_path):
  cls, line, message = BAD_LINES[name]
  good = next(r for r in RECORDS if isinstance(r, cls))
  line = line if isinstance(line, bytes) else line.encode()
  path = tmp_path / "rows.jsonl"
  text = records.to_json(good).encode()
  path.write_bytes(text + b"\n\n" + line + b"\n" + text + b"\n")
  with pytest.raises(errors.UserError, match=rf"rows\.jsonl:3: {message}"):
    record_files.read(path, cls)
  found = record_files.read(path, cls, skip_bad=True)
  assert found.records == [good, good]
  assert len(found.bad) == 1


def test_bad_array_record_names_the_record(tmp_path):
  path = tmp_path / "rows.array_record"
  record_files.write(path, [PROBLEM])
  with pytest.raises(
    errors.UserError, match=r"rows.array_record:record 0: rec"
  ):
    record_files.read(path, records.Solution)


@pytest.mark.parametrize(
  "damage", [lambda data: b"not such a file", lambda data: data[:-40_000]]
)
def test_damaged_array_record_is_one_line(damage, tmp_path):
  path = tmp_path / "rows.array_record"
  record_files.write(path, [PROBLEM])
  path.write_bytes(damage(path.read_bytes()))
  with pytest.raises(errors.UserError, match=r"not a whole array_record file"):
    record_files.read(path, records.Problem)


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_empty_file_is_an_error(content, tmp_path):
  path = tmp_path / "rows.jsonl"
  path.write_text(content)
  with pytest.raises(errors.UserError, match=r"rows.jsonl: holds no record"):
    record_files.read(path, records.Solution)


def test_missing_file_and_unknown_ending(tmp_path):
  with pytest.raises(errors.UserError, match="no such file"):
    record_files.read(tmp_path / "rows.jsonl", records.Solution)
  with pytest.raises(errors.UserError, match=r"must end in \.jsonl"):
    record_files.write(tmp_path / "rows.csv", [SOLUTION])


def solution(number):
  return records.Solution(problem_id=str(number), steps=())


def test_shards_are_read_in_order_and_must_be_complete(tmp_path):
  path = tmp_path / "rows.jsonl"
  for index in (2, 0, 1):
    rows = [solution(index)] * (index > 0)  # a process may have had none
    written = record_files.write(path, rows, shard_index=index, shard_count=3)
    assert written.name == f"rows-{index:05d}-of-00003.jsonl"
  found = record_files.read(path, records.Solution)
  assert [r.problem_id for r in found.records] == ["1", "2"]
  (tmp_path / "rows-00001-of-00003.jsonl").unlink()
  with pytest.raises(errors.UserError, match=r"00001-of-00003.* is missing"):
    record_files.read(path, records.Solution)
  (tmp_path / "rows-00000-of-00002.jsonl").touch()
  with pytest.raises(errors.UserError, match=r"shards of \[2, 3\]"):
    record_files.read(path, records.Solution)


@pytest.mark.parametrize("suffix", [".jsonl", ".array_record"])
def test_interrupted_write_leaves_the_old_file(suffix, tmp_path):
  path = tmp_path / f"rows{suffix}"
  record_files.write(path, [SOLUTION])

  def rows():
    yield PROBLEM
    raise KeyboardInterrupt

  with pytest.raises(KeyboardInterrupt):
    record_files.write(path, rows())
  assert record_files.read(path, records.Solution).records == [SOLUTION]
  assert [f.name for f in tmp_path.iterdir()] == [path.name]


def test_refusal_of_the_file_system_is_one_line(tmp_path):
  (tmp_path / "file").touch()
  with pytest.raises(errors.UserError, match="cannot write"):
    record_files.write(tmp_path / "file" / "rows.jsonl", [SOLUTION])


def test_disk_full_is_one_line_and_loses_nothing(tmp_path):
  path = tmp_path / "rows.jsonl"
  record_files.write(path, [SOLUTION])

  def rows():
    yield SOLUTION
    raise OSError(28, "No space left on device")

  with pytest.raises(
    errors.UserError, match=r"rows.jsonl: cannot write.*space"
  ):
    record_files.write(path, rows())
  assert record_files.read(path, records.Solution).records == [SOLUTION]


def test_by_problem_groups_in_order():
  rows = [solution(1), solution(2), solution(1)]
  groups = records.by_problem(rows)
  assert list(groups) == ["1", "2"]
  assert groups["1"] == [rows[0], rows[2]]
