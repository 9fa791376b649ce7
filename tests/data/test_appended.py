"""Files that grow: half lines, cuts and lines that are no records."""

import pytest

from prm_jax import errors
from prm_jax.data import appended, records

WHOLE = '{"a": 1}\n{"a": 2}\n'


def test_half_of_a_line_is_cut(tmp_path):
  path = tmp_path / "rows.jsonl"
  assert appended.whole_lines(path) == appended.rows(path) == []
  appended.keep(path, [])
  assert not path.exists()
  path.write_text(WHOLE + '{"a": 3')
  assert appended.rows(path) == [{"a": 1}, {"a": 2}]
  appended.keep(path, appended.whole_lines(path))
  assert path.read_text() == WHOLE
  before = path.stat().st_mtime_ns
  appended.keep(path, appended.whole_lines(path))
  assert path.stat().st_mtime_ns == before  # nothing is written
  appended.keep(path, appended.whole_lines(path)[:1])
  assert appended.rows(path) == [{"a": 1}]


@pytest.mark.parametrize(
  ("line", "told"), [("{", "not JSON"), ("[1]", "not a JSON object")]
)
def test_lines_that_are_no_objects(line, told, tmp_path):
  path = tmp_path / "rows.jsonl"
  path.write_text(f"{WHOLE}{line}\n")
  with pytest.raises(errors.UserError, match=rf"rows.jsonl:3: {told}"):
    appended.rows(path)


def test_records_of_another_kind(tmp_path):
  path = tmp_path / "rows.jsonl"
  solution = records.Solution("a", ("x",))
  path.write_text(records.to_json(solution) + "\n")
  assert appended.read(path, records.Solution) == [solution]
  with pytest.raises(errors.UserError, match=r"rows.jsonl:1: record: "):
    appended.read(path, records.StepLabels)
