"""`prm-jax evaluate` tells what it could not measure."""

import json

from prm_jax.reports import results


def test_a_benchmark_of_right_solutions_alone(prm, tmp_path):
  row = {
    "id": "a-0",
    "generator": "hand",
    "problem": "p",
    "steps": ["one", "two"],
    "final_answer_correct": True,
    "label": -1,
  }
  rows, scores = tmp_path / "rows.jsonl", tmp_path / "scores.jsonl"
  rows.write_text(json.dumps(row) + "\n")
  scores.write_text(json.dumps({"scores": [0.9, 0.8]}) + "\n")
  code, out, err = prm(
    *("evaluate", "--benchmark", "processbench", "--input", rows),
    *("--scores", scores, "--workdir", tmp_path / "out"),
    "--config.bootstrap.num_resamples=20",
  )
  assert (code, err) == (0, [])
  found = results.read(tmp_path / "out" / results.FILE)
  told = {(one.name, one.metric): one.reason for one in found.undefined}
  assert told["a", "auroc"] == "all outcomes are the same"
  assert told["a", "error_accuracy"] == "no such solution is there"
  assert not {(row.name, row.metric) for row in found.rows} & told.keys()
  (line,) = (line for line in out if line.startswith("undefined (all outc"))
  assert "a auroc" in line
  page = (tmp_path / "out" / "report.html").read_text()
  assert "undefined (no such solution is there): a error_accuracy" in page
