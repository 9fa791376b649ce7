"""`results.json`: round trip, provenance, mistakes, atomic writes."""

import json
import math
import subprocess

import jax
import numpy as np
import pytest

from prm_jax import errors
from prm_jax.reports import html, results

ROWS = (
  results.Row(
    name="particle/tvm",
    metric="accuracy",
    value=0.25,
    ci_low=0.2,
    ci_high=0.31,
    n=200,
    cost={"policy_tokens": 812.5, "slots": 900.0},
    wall_s=1.5,
  ),
  results.Row("quickstart", "wall_s", 400.0),
)


def test_round_trip(tmp_path):
  path = tmp_path / "deep" / results.FILE
  written = results.write(path, "prm-jax search", {"seed": 1}, ROWS)
  found = results.read(path)
  assert found == written
  assert found.rows == ROWS
  assert found.command == "prm-jax search"
  assert found.config == {"seed": 1}
  assert found.versions["jax"] == jax.__version__
  assert found.device["count"] == jax.device_count()


def test_what_is_undefined_is_read_again(tmp_path):
  none = results.Undefined("a", "auroc", "all outcomes are the same", 4)
  results.write(tmp_path / "r.json", "evaluate", {}, [], [none])
  assert results.read(tmp_path / "r.json").undefined == (none,)
  section = html.gather(_as_workdir(tmp_path))
  assert section.undefined == (
    "undefined (all outcomes are the same): a auroc",
  )
  assert section.undefined[0] in html.render([section], title="")


def _as_workdir(path):
  (path / "r.json").rename(path / results.FILE)
  return path


def test_commit_is_that_of_the_checkout(tmp_path, project_root):
  if not (project_root / ".git").exists():
    pytest.skip("not a git checkout")
  found = results.write(tmp_path / results.FILE, "c", {}, ROWS)
  head = subprocess.run(
    ["git", "-C", project_root, "rev-parse", "HEAD"],
    capture_output=True,
    text=True,
    check=True,
  )
  assert found.git["commit"] == head.stdout.strip()


def test_fields_of_the_file(tmp_path):
  path = tmp_path / results.FILE
  results.write(path, "c", {}, ROWS)
  content = json.loads(path.read_text())
  assert list(content) == [
    *("schema", "command", "config", "git", "versions", "device", "rows"),
    "undefined",
  ]
  assert content["schema"] == 1
  assert set(content["rows"][0]) == {
    *("name", "metric", "value", "ci_low", "ci_high", "n", "cost", "wall_s"),
    "at",
  }


def test_numpy_numbers_are_numbers(tmp_path):
  path = tmp_path / results.FILE
  config = {"widths": np.arange(2), "rate": np.float32(0.5), "t": (1, 2)}
  results.write(path, "c", config, ROWS)
  config = {"widths": [0, 1], "rate": 0.5, "t": [1, 2]}
  assert results.read(path).config == config


def test_infinite_bound_is_null_and_a_nan_is_a_bug(tmp_path):
  path = tmp_path / results.FILE
  row = results.Row("a/b", "ratio", 3.0, ci_low=1.0, ci_high=math.inf)
  results.write(path, "c", {}, [row])
  assert results.read(path).rows[0].ci_high is None
  before = path.read_text()
  with pytest.raises(ValueError, match="a: m is nan"):
    results.write(path, "c", {}, [results.Row("a", "m", math.nan)])
  assert path.read_text() == before


def test_failed_write_leaves_the_old_file(tmp_path):
  path = tmp_path / results.FILE
  results.write(path, "c", {}, ROWS)
  before = path.read_text()
  with pytest.raises(TypeError, match="object is no JSON value"):
    results.write(path, "c", {"x": object()}, ROWS)
  assert path.read_text() == before
  assert [p.name for p in tmp_path.iterdir()] == [results.FILE]


def test_unwritable_place_is_told(tmp_path):
  (tmp_path / "file").write_text("")
  with pytest.raises(errors.UserError, match="cannot write"):
    results.write(tmp_path / "file" / results.FILE, "c", {}, ROWS)


def test_unknown_fields_do_not_matter(tmp_path):
  path = tmp_path / results.FILE
  results.write(path, "c", {}, ROWS)
  content = json.loads(path.read_text())
  content["later"] = 1
  content["rows"][0]["later"] = 1
  path.write_text(json.dumps(content))
  assert results.read(path).rows == ROWS


def without(content, *keys):
  *outer, last = keys
  for key in outer:
    content = content[key]
  del content[last]


def put(content, value, *keys):
  *outer, last = keys
  for key in outer:
    content = content[key]
  content[last] = value


@pytest.mark.parametrize(
  ("change", "told"),
  [
    (lambda c: without(c, "rows"), "rows: missing"),
    (lambda c: put(c, 2, "schema"), "schema: 2 is not 1"),
    (lambda c: put(c, {}, "rows"), "rows: expected list"),
    (lambda c: put(c, 7, "rows", 1), r"rows\[1\]: not an object"),
    (
      lambda c: put(c, "many", "rows", 0, "value"),
      r"rows\[0\]: value: expected float, got 'many'",
    ),
    (lambda c: put(c, None, "rows", 0, "n"), r"rows\[0\]: n: expected int"),
    (lambda c: without(c, "rows", 1, "name"), r"rows\[1\]: name: missing"),
    (
      lambda c: put(c, True, "rows", 0, "cost", "slots"),
      r"rows\[0\].cost: slots: expected float",
    ),
    (lambda c: put(c, 3, "command"), "command: expected str"),
  ],
)
def test_broken_file_is_told_by_field(tmp_path, change, told):
  path = tmp_path / results.FILE
  results.write(path, "c", {}, ROWS)
  content = json.loads(path.read_text())
  change(content)
  path.write_text(json.dumps(content))
  with pytest.raises(errors.UserError, match=told) as caught:
    results.read(path)
  assert str(path) in str(caught.value)
  assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
  ("text", "told"),
  [("{", "not JSON"), ("[]", "not an object"), ("\xff", "not JSON")],
)
def test_no_results_file(tmp_path, text, told):
  path = tmp_path / results.FILE
  with pytest.raises(errors.UserError, match="cannot read"):
    results.read(path)
  path.write_bytes(text.encode("latin-1"))
  with pytest.raises(errors.UserError, match=told):
    results.read(path)
