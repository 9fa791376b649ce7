"""Each benchmark on a file small enough to compute by hand."""

import pytest

from prm_jax import errors
from prm_jax.data import records
from prm_jax.eval.benchmarks import best_of_n, registry
from tests.eval.benchmarks import tables


def value(found, name, metric):
  return found[name, metric].value


def test_rewardmath(tmp_path):
  """Two problems with two wrong solutions; `min` wins one, `last` both."""
  rows, scores = [], []
  for problem, kind, own in (
    (1, "rejected", [0.9, 0.4]),
    (1, "chosen", [0.8, 0.9]),
    (1, "rejected", [0.7, 0.8]),
    (2, "chosen", [0.2, 0.9]),
    (2, "rejected", [0.3, 0.8]),
    (2, "rejected", [0.2, 0.5]),
  ):
    steps = [f"{len(rows)}a", f"{len(rows)}b"]
    rows.append(
      {
        "id": len(rows),
        "problem_id": problem,
        "problem": f"p{problem}",
        "answer": "1",
        "eval_solution": steps,
        "solution_type": kind,
      }
    )
    scores.append(own)
  path = tables.lines(tmp_path / "rows.jsonl", *rows)
  source = tables.scored(tmp_path / "scores.jsonl", *scores)
  found = tables.measure("rewardmath", path, source)
  assert value(found, "min", "accuracy") == 0.5
  assert value(found, "last", "accuracy") == 1
  # Minima .8 > .7 > .4, and .2 behind .3 and level with .2: rank 3.
  assert value(found, "min", "mrr") == pytest.approx((1 + 1 / 3) / 2)
  assert value(found, "min", "accuracy_with_ties") == 0.5
  assert value(found, "chance", "accuracy") == pytest.approx(1 / 3)
  assert value(found, "chance", "mrr") == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)
  assert found["min", "accuracy"].n == 2
  assert len({name for name, metric in found if metric == "mrr"}) == 9


def test_rewardbench(tmp_path):
  rows = [
    {
      "id": str(i),
      "prompt": f"p{i}",
      "chosen": "one\n\ntwo",
      "rejected": "three",
      "subset": subset,
    }
    for i, subset in enumerate(["math-prm", "math-prm", "hep-rust"])
  ]
  path = tables.lines(tmp_path / "rows.jsonl", *rows)
  own = [[0.9, 0.6], [0.5], [0.9, 0.4], [0.4], [0.2, 0.9], [0.8]]
  source = tables.scored(tmp_path / "scores.jsonl", *own)
  found = tables.measure("rewardbench", path, source, subset="")
  assert value(found, "min/math-prm", "accuracy") == 0.5
  assert value(found, "min/math-prm", "tied") == 0.5
  assert value(found, "last/hep-rust", "accuracy") == 1
  # 984 of math at .5, 164 of Rust at 0.
  section = value(found, "min/reasoning", "section")
  assert section == pytest.approx(0.5 * 984 / 1148)
  math = tables.scored(tmp_path / "math.jsonl", *own[:4])
  found = tables.measure("rewardbench", path, math, subset="math-prm")
  assert found["min/math-prm", "accuracy"].n == 2


def prm_bench_row(idx, kind, steps, wrong):
  return {
    "idx": idx,
    "classification": kind,
    "original_question": "q",
    "modified_question": "q, changed",
    "original_process": ["o1", "o2"],
    "modified_process": steps,
    "modified_steps": wrong,
    "error_steps": wrong,
  }


def test_prmbench(tmp_path):
  path = tables.lines(
    tmp_path / "rows.jsonl",
    prm_bench_row("redundency_7", "redundency", ["a", "b", "c", "d"], [2]),
    prm_bench_row("confidence_8", "confidence", ["a", "b"], [1]),
  )
  source = tables.scored(
    tmp_path / "scores.jsonl",
    [0.9, 0.9, 0.9, 0.9],  # all said right
    [0.1, 0.9],  # both told
    [0.9, 0.1],  # the original of the first: one of two accepted
  )
  found = tables.measure("prmbench", path, source)
  first = (6 / 7 + 0) / 2
  assert value(found, "redundency", "prm_score") == pytest.approx(first)
  assert value(found, "simplicity", "prm_score") == pytest.approx(first)
  assert value(found, "confidence", "prm_score") == 1
  # In total 4 right steps of 4 and 1 wrong of 2 told.
  total = (8 / 9 + 2 / 3) / 2
  assert value(found, "total", "prm_score") == pytest.approx(total)
  assert value(found, "total", "first_error_accuracy") == 0.5
  assert value(found, "redundency", "similarity") == 0.5
  assert ("confidence", "similarity") not in found


PROBLEMS = tuple(
  records.Problem(f"p{i}", "hand", f"question {i}", None) for i in range(3)
)


def solution(problem, steps, correct, answer=None):
  return records.Solution(problem, tuple(steps), answer, correct)


@pytest.fixture
def sampled(tmp_path):
  """Two problems, two samples each: `min` right on one, `last` on both."""
  problems = tables.records(tmp_path / "problems.jsonl", *PROBLEMS)
  path = tables.records(
    tmp_path / "solutions.jsonl",
    solution("p0", ["a", "b"], True, "1"),
    solution("p0", ["c", "d"], False, "2"),
    solution("p1", ["e", "f"], False, "3"),
    solution("p1", ["g", "h"], True, "4"),
  )
  scores = [0.6, 0.9], [0.5, 0.4], [0.7, 0.6], [0.2, 0.8]
  return path, problems, tables.scored(tmp_path / "scores.jsonl", *scores)


def test_prm_at_n(sampled):
  path, problems, source = sampled
  found = tables.measure("prm_at_n", path, source, problems=problems)
  assert value(found, "prm@2/min", "accuracy") == 0.5
  assert value(found, "prm@2/last", "accuracy") == 1
  assert value(found, "pass@1", "accuracy") == 0.5
  assert value(found, "weighted@2/last", "accuracy") == 1
  # Lowest at the end: .5 .4, .7 .6; not .6 .9, .2 .8.
  assert value(found, "steps", "minimum_at_last_step") == 0.5
  assert value(found, "steps", "minimum_at_last_step_by_chance") == 0.5
  # Of them .2 .8 is accepted in the end with a step called wrong.
  assert value(found, "steps", "accepted_in_the_end_only") == 0.25
  curve = registry.make("prm_at_n", {"problems": problems})
  points = {
    (m.name, m.metric, m.at): m.value
    for m in curve.measure(path, source, tables.FEW)
  }
  assert points["min", best_of_n.GOLD, 1] == 0.5
  assert points["last", best_of_n.PROXY, 2] == pytest.approx((0.9 + 0.8) / 2)


def test_samples_of_a_search_bring_their_scores(tmp_path):
  rows = (
    records.SearchRow(("a",), "1", True, 0.9, (0.8, 0.9)),  # cut in two
    records.SearchRow(("b",), "2", False, 0.1, (0.1,)),
  )
  sample = records.SearchSample("p0", rows, 0, {})
  path = tables.records(tmp_path / "samples.jsonl", sample)
  found = tables.measure("prm_at_n", path)
  assert value(found, "prm@2/min", "accuracy") == 1


@pytest.mark.parametrize(
  ("change", "told"),
  [
    ({"ks": (4,)}, "ks: 4 is outside 1..2"),
    ({"aggregates": ("median",)}, "unknown rule 'median'"),
    ({"aggregates": ()}, "names no rule"),
    ({"rules": ()}, "protocol.rules: no such field"),
  ],
)
def test_prm_at_n_refuses(sampled, change, told):
  path, problems, source = sampled
  with pytest.raises(errors.UserError, match=told):
    tables.measure("prm_at_n", path, source, problems=problems, **change)


def test_samples_have_to_be_judged_and_equally_many(tmp_path):
  path = tables.records(tmp_path / "a.jsonl", solution("p0", ["a"], None))
  with pytest.raises(errors.UserError, match="problem p0: correct: not judged"):
    tables.measure("prm_at_n", path)
  one, two = solution("p0", ["a"], True), solution("p1", ["a"], True)
  path = tables.records(tmp_path / "b.jsonl", one, one, two)
  with pytest.raises(errors.UserError, match="p1 has 1 solutions, p0 has 2"):
    tables.measure("prm_at_n", path)


def labels(problem, hard):
  steps = tuple(f"{problem} {i}" for i in range(len(hard)))
  none = (0,) * len(hard)
  return records.StepLabels(problem, none, none, "", steps=steps, hard=hard)


def test_trajectories_and_calibration(tmp_path):
  problems = tables.records(tmp_path / "problems.jsonl", *PROBLEMS)
  path = tables.records(
    tmp_path / "labels.jsonl",
    labels("p0", (1, 0, 0, 1)),
    labels("p1", (1, 0)),
  )
  source = tables.scored(tmp_path / "s.jsonl", [0.9, 0.1, 0.8, 0.2], [0.6, 0.4])
  found = tables.measure("trajectories", path, source, problems=problems)
  assert value(found, "trajectories", "wrong_step_f1") == pytest.approx(2 / 3)
  assert value(found, "trajectories", "exact_match") == 0.5
  assert value(found, "trajectories", "step_accuracy") == pytest.approx(4 / 6)
  found = tables.measure("calibration", path, source, problems=problems)
  squares = (0.01 + 0.01 + 0.64 + 0.64 + 0.16 + 0.16) / 6
  assert value(found, "steps", "brier") == pytest.approx(squares)
  # Positives .9 .2 .6 against .1 .8 .4: 3 + 1 + 2 of 9 pairs.
  assert value(found, "steps", "auroc") == pytest.approx(6 / 9)
  assert value(found, "conformal", "accepted_in_error") == 0
  with pytest.raises(errors.UserError, match="names no file of problems"):
    tables.measure("calibration", path, source)
  lonely = tables.records(tmp_path / "l.jsonl", labels("p9", (1,)))
  with pytest.raises(errors.UserError, match="record 1: problem_id: 'p9'"):
    tables.measure("calibration", lonely, source, problems=problems)
