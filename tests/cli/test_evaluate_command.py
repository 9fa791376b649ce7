"""`prm-jax evaluate`: numbers by hand from files, and what goes wrong."""

import json
import pathlib

import pytest

from prm_jax.reports import results

FAST = "--config.bootstrap.num_resamples=200"


def lines(path: pathlib.Path, *rows) -> pathlib.Path:
  path.write_text("".join(json.dumps(row) + "\n" for row in rows))
  return path


def case(name, steps, label, right=False):
  return {
    "id": name,
    "generator": "hand",
    "problem": f"problem {name}",
    "steps": [f"step {i} of {name}" for i in range(steps)],
    "final_answer_correct": right,
    "label": label,
  }


# (case, scores): in `a` one of two errors is found at 0.5, both correct ones
# pass; in `b` the error is found and the correct one does not pass.
CASES = [
  (case("a-0", 3, 1), [0.9, 0.2, 0.9]),
  (case("a-1", 2, 0, right=True), [0.8, 0.1]),
  (case("a-2", 2, -1, right=True), [0.9, 0.8]),
  (case("a-3", 1, -1, right=True), [0.7]),
  (case("b-0", 2, 1), [0.9, 0.3]),
  (case("b-1", 2, -1, right=True), [0.4, 0.9]),
]


@pytest.fixture
def bench(tmp_path):
  """Paths of the rows and of their scores, and what else a run takes."""
  rows = lines(tmp_path / "rows.jsonl", *(c for c, _ in CASES))
  scores = lines(
    tmp_path / "scores.jsonl",
    *({"problem_id": c["id"], "scores": s} for c, s in CASES),
  )
  return rows, scores


@pytest.fixture
def evaluate(prm, tmp_path):
  def run(benchmark, *arguments, workdir="out"):
    place = tmp_path / workdir
    code, out, err = prm(
      *("evaluate", "--benchmark", benchmark, "--workdir", place, FAST),
      *arguments,
    )
    found = {}
    if code == 0:
      rows = results.read(place / results.FILE).rows
      found = {(r.name, r.metric): r for r in rows if r.at is None}
    return code, found, out, err

  return run


def test_processbench_by_hand(bench, evaluate, tmp_path):
  rows, scores = bench
  code, found, out, err = evaluate(
    "processbench", "--input", rows, "--scores", scores
  )
  assert (code, err) == (0, [])
  value = {key: row.value for key, row in found.items()}
  assert value["a", "error_accuracy"] == 0.5
  assert value["a", "correct_accuracy"] == 1
  assert value["a", "f1"] == pytest.approx(2 / 3)
  assert value["b", "f1"] == 0
  assert value["average", "f1"] == pytest.approx(1 / 3)
  assert found["a", "f1"].n == 4
  assert found["a", "error_accuracy"].n == 2
  own = found["a", "f1"]
  assert own.ci_low <= own.value <= own.ci_high
  # Three of `a` have a right answer, one of them a wrong first step, and the
  # second step, not the first, is called wrong: it is not accepted.
  key = "a", "process_errors_among_correct_answers"
  assert (value[key], found[key].n) == (pytest.approx(1 / 3), 3)
  assert value["a", "accepted_of_these"] == 0
  page = (tmp_path / "out" / "report.html").read_text()
  assert page.count("<img") == 2  # bars and reliability
  assert any("f1" in line for line in out)


def test_threshold_of_a_held_out_split(bench, evaluate):
  """`b` separates at 0.3: its 0.4 passes then, as do all of `a`'s."""
  rows, scores = bench
  code, found, _, err = evaluate(
    "processbench",
    *("--input", rows, "--scores", scores),
    "--config.protocol.threshold.rule=split",
    "--config.protocol.threshold.split=b",
  )
  assert (code, err) == (0, [])
  assert found["threshold", "threshold"].value == 0.3
  assert found["held out", "f1_held_out"].value == 1
  assert ("b", "f1") not in found
  assert found["average", "f1"].value == found["a", "f1"].value


def test_threshold_of_another_file(bench, evaluate, tmp_path):
  rows, scores = bench
  other = lines(tmp_path / "h.jsonl", case("h-0", 1, 0), case("h-1", 1, -1))
  own = lines(tmp_path / "hs.jsonl", {"scores": [0.85]}, {"scores": [0.95]})
  arguments = (
    *("--input", rows, "--scores", scores),
    "--config.protocol.threshold.rule=file",
    f"--config.protocol.threshold.file={other}",
  )
  code, found, _, err = evaluate(
    "processbench", *arguments, f"--config.protocol.threshold.scores={own}"
  )
  assert (code, err) == (0, [])
  assert found["threshold", "threshold"].value == 0.85
  code, _, _, err = evaluate("processbench", *arguments, workdir="other")
  assert (code, len(err)) == (2, 1)
  assert "threshold.scores: names no file" in err[0]


def test_mistake_20_threshold_on_the_test_split(bench, evaluate):
  rows, scores = bench
  common = ("--input", rows, "--scores", scores)
  for arguments, told in (
    (
      (
        "--config.protocol.threshold.rule=split",
        "--config.protocol.threshold.split=b",
        "--config.protocol.subsets=a,b",
      ),
      "threshold.split: 'b' is also evaluated",
    ),
    (
      (
        "--config.protocol.threshold.rule=file",
        f"--config.protocol.threshold.file={rows}",
        f"--config.protocol.threshold.scores={scores}",
      ),
      "is also what is evaluated (6 solutions",
    ),
  ):
    code, _, _, err = evaluate("processbench", *common, *arguments)
    assert (code, len(err)) == (2, 1)
    assert told in err[0]


def change(path, index, **fields):
  rows = [json.loads(line) for line in path.read_text().splitlines()]
  rows[index] |= fields
  lines(path, *rows)


@pytest.mark.parametrize(
  ("fields", "told"),
  [
    ({"scores": [0.9, 0.2]}, "solution 1 (problem process_bench/a-0): scores:"
     " 2 for 3 steps"),
    ({"scores": [0.9, 0.2, 0.9, 0.1]}, "scores: 4 for 3 steps"),
    ({"scores": [0.9, float("nan"), 0.9]}, "scores[1]: nan is not finite"),
    ({"scores": None, "reason": "too long"}, ":1: scores: there are none (too"),
    ({"scores": "high"}, ":1: scores: must be a list of numbers"),
    ({"problem_id": "a-9"}, ":1: problem_id: 'a-9', the input has"),
  ],
)  # fmt: skip
def test_scores_that_do_not_fit(bench, evaluate, fields, told):
  """Mistake 12 among them: never a silent 0 for a missing score."""
  rows, scores = bench
  change(scores, 0, **fields)
  code, _, _, err = evaluate(
    "processbench", "--input", rows, "--scores", scores
  )
  assert (code, len(err)) == (2, 1)
  assert told in err[0]


def test_mistake_7_a_score_of_an_empty_last_step_is_refused(bench, evaluate):
  """Kept stop strings leave a step more in the scores than in the rows."""
  rows, scores = bench
  change(scores, 2, scores=[0.9, 0.8, 0.01])
  code, _, _, err = evaluate(
    "processbench", "--input", rows, "--scores", scores
  )
  assert (code, len(err)) == (2, 1)
  assert "(problem process_bench/a-2): scores: 3 for 2 steps" in err[0]


def test_mistake_12_a_line_of_scores_is_missing(bench, evaluate):
  rows, scores = bench
  scores.write_text("\n".join(scores.read_text().splitlines()[:-1]))
  code, _, _, err = evaluate(
    "processbench", "--input", rows, "--scores", scores
  )
  assert (code, len(err)) == (2, 1)
  assert "5 lines of scores for 6 solutions" in err[0]


@pytest.mark.parametrize(
  ("benchmark", "arguments", "told"),
  [
    ("gsm8k", (), "--benchmark: 'gsm8k' is not one of processbench, critic"),
    ("processbench", (), "evaluate needs --input"),
    ("processbench", ("--input", "rows"), "needs --scores FILE or --model"),
    ("processbench", ("--input", "none.jsonl"), "none.jsonl: no such file"),
    (
      "processbench",
      ("--input", "rows", "--scores", "scores", "--model", "DIR"),
      "not both",
    ),
    (
      "processbench",
      ("--input", "rows", "--scores", "scores", "--config.protocol.subsets=c"),
      "subsets: 'c' is empty",
    ),
    (
      "processbench",
      (
        *("--input", "rows", "--scores", "scores"),
        "--config.protocol.threshold.rule=best",
      ),
      "protocol.threshold.rule: 'best' is not one of",
    ),
    ("critic", ("--input", "rows", "--scores", "scores"), "scores nothing"),
    ("rewardmath", ("--config", "processbench"), "config is one of"),
  ],
)
def test_mistakes_are_one_line(bench, evaluate, benchmark, arguments, told):
  names = {"rows": bench[0], "scores": bench[1]}
  code, _, _, err = evaluate(benchmark, *(names.get(a, a) for a in arguments))
  assert (code, len(err)) == (2, 1)
  assert told in err[0]


def test_a_malformed_row_is_named_by_its_line(bench, evaluate):
  rows, scores = bench
  own = rows.read_text().splitlines()
  own[3] = own[3].replace('"label": -1', '"label": 7')
  rows.write_text("\n".join(own))
  code, _, _, err = evaluate(
    "processbench", "--input", rows, "--scores", scores
  )
  assert (code, len(err)) == (2, 1)
  assert "rows.jsonl:4: label: 7 with 1 steps" in err[0]


def test_critic_votes(bench, evaluate, tmp_path):
  said = {"a-0": [1, 1, 0], "a-1": [0], "a-2": [-1], "a-3": [0, -1, -1]}
  said |= {"b-0": [0, 1], "b-1": [-1]}
  critiques = [
    {"id": k, "texts": [rf"so \boxed{{{i}}}" for i in v]}
    for k, v in said.items()
  ]
  critiques[-1]["texts"] = ["no box"]
  path = lines(tmp_path / "critiques.jsonl", *critiques)
  code, found, _, err = evaluate(
    "critic", "--input", bench[0], f"--config.protocol.critiques={path}"
  )
  assert (code, err) == (0, [])
  value = {key: row.value for key, row in found.items()}
  assert value["a", "f1"] == 1
  assert (value["b", "error_accuracy"], value["b", "f1"]) == (0, 0)
  assert value["average", "f1"] == 0.5
  assert value["critiques", "unparsed"] == pytest.approx(1 / 6)
  lines(path, *critiques[:-2])
  code, _, _, err = evaluate(
    "critic",
    *("--input", bench[0], f"--config.protocol.critiques={path}"),
    workdir="less",
  )
  assert (code, len(err)) == (2, 1)
  assert "2 rows have no critique, the first is 'b-0'" in err[0]


def test_against_another_verifier(bench, evaluate, tmp_path):
  """The other also finds the second error of `a`: ahead by half of 1/3."""
  rows, scores = bench
  other = tmp_path / "other.jsonl"
  other.write_text(scores.read_text())
  change(other, 1, scores=[0.3, 0.1])
  code, found, _, err = evaluate(
    "processbench",
    *("--input", rows, "--scores", other),
    f"--config.protocol.against={scores}",
  )
  assert (code, err) == (0, [])
  gap = found["average", "f1_difference"]
  assert gap.value == pytest.approx((1 - 2 / 3) / 2)
  assert 0 <= gap.ci_low <= gap.value <= gap.ci_high
  assert found["average", "mcnemar_p"].value == 1  # one to nothing
