"""The reader of `metrics.jsonl`."""

import json

import pytest

from prm_jax import errors
from prm_jax.reports import curves


def test_curves_by_metric(tmp_path):
  path = tmp_path / curves.FILE
  logged = [
    {"step": 10, "train/loss": 2.0, "note": "warm"},
    {"step": 20, "train/loss": 1.0, "eval/loss": 1.5},
  ]
  path.write_text("".join(json.dumps(row) + "\n" for row in logged))
  found = curves.read(path)
  assert set(found) == {"train/loss", "eval/loss"}
  assert found["train/loss"].steps.tolist() == [10, 20]
  assert found["train/loss"].values.tolist() == [2.0, 1.0]
  assert found["eval/loss"].steps.tolist() == [20]


def test_resumed_run_overwrites_and_a_cut_line_is_left_out(tmp_path):
  path = tmp_path / curves.FILE
  path.write_text(
    '{"step": 1, "x": 1}\n{"step": 2, "x": 2}\n'
    '{"step": 2, "x": 3}\n\n{"step": 3, "x": NaN}\n{"step": 4, "x'
  )
  found = curves.read(path)["x"]
  assert found.steps.tolist() == [1, 2]
  assert found.values.tolist() == [1, 3]


@pytest.mark.parametrize(
  ("text", "told"),
  [
    ('{"step": 1}\n{"st\n', "line 2: not JSON"),
    ('{"x": 1}\n', "line 1: step: missing"),
    ("[1]\n", "line 1: step: missing"),
  ],
)
def test_broken_line_is_told(tmp_path, text, told):
  path = tmp_path / curves.FILE
  path.write_text(text)
  with pytest.raises(errors.UserError, match=told):
    curves.read(path)


def test_no_file(tmp_path):
  with pytest.raises(errors.UserError, match="cannot read"):
    curves.read(tmp_path / curves.FILE)
