"""What has no value is told, with the reason, not left out."""

import math

import pytest

from prm_jax.data import records
from tests.eval.benchmarks import tables


def reasons(found):
  """Of all that is undefined; nothing else is no number."""
  for measure in found.values():
    assert math.isfinite(measure.value) or measure.reason
  return {
    key: measure.reason
    for key, measure in found.items()
    if not math.isfinite(measure.value)
  }


def case(name, steps, label, right):
  return {
    "id": name,
    "generator": "hand",
    "problem": name,
    "steps": [f"step {i}" for i in range(steps)],
    "final_answer_correct": right,
    "label": label,
  }


def test_one_kind_of_step(tmp_path):
  """`a` has right steps alone; `b` has no right answer, and logits."""
  rows = case("a-0", 2, -1, True), case("b-0", 2, 1, False)
  path = tables.lines(tmp_path / "rows.jsonl", *rows)
  source = tables.scored(tmp_path / "scores.jsonl", [0.9, 0.8], [3.0, -1.0])
  found = tables.measure("processbench", path, source)
  told = reasons(found)
  assert told["a", "auroc"] == "all outcomes are the same"
  assert told["a", "error_accuracy"] == "no such solution is there"
  assert told["b", "correct_accuracy"] == "no such solution is there"
  assert told["a", "accepted_of_these"] == "no right answer has a wrong step"
  assert told["b", "process_errors_among_correct_answers"] == (
    "no answer is right"
  )
  assert told["b", "brier"] == "scores outside [0, 1] are no probabilities"
  assert found["b", "auroc"].value == 1
  assert found["a", "brier"].value == pytest.approx((0.01 + 0.04) / 2)


def solutions(path, answers=("1", "2")):
  return tables.records(
    path,
    *(
      records.Solution("p0", (f"step {answer}",), answer, i == 0)
      for i, answer in enumerate(answers)
    ),
  )


def test_votes_and_correlations(tmp_path):
  path = solutions(tmp_path / "a.jsonl")
  source = tables.scored(tmp_path / "s.jsonl", [-0.5], [-0.5])
  told = reasons(tables.measure("prm_at_n", path, source))
  assert told["weighted votes", "accuracy"] == "scores below 0 are no weights"
  assert told["min", "overoptimisation_a"] == "needs two sizes above 1"
  assert "are the same" in told["steps", "position_correlation"]
  assert "are the same" in told["min", "step_count_correlation"]
  silent = solutions(tmp_path / "b.jsonl", (None, None))
  told = reasons(tables.measure("prm_at_n", silent, source))
  assert told["votes", "accuracy"] == "no solution has an answer"


def test_labels_of_one_problem(tmp_path):
  label = records.StepLabels(
    "p0", (0, 0), (0, 0), "", steps=("a", "b"), hard=(1, 1)
  )
  problem = records.Problem("p0", "hand", "question", None)
  told = reasons(
    tables.measure(
      "calibration",
      tables.records(tmp_path / "labels.jsonl", label),
      tables.scored(tmp_path / "s.jsonl", [0.9, 0.8]),
      problems=tables.records(tmp_path / "problems.jsonl", problem),
    )
  )
  assert told["conformal", "threshold"] == "needs two problems"
  assert told["steps", "auroc"] == "all outcomes are the same"
  assert told["steps", "squared_error_of_values"] == (
    "no step has two completions"
  )
