"""ProcBench, DIA, perturbations, runs and pairs from small files."""

import pytest

from prm_jax import errors
from prm_jax.eval.benchmarks import base, registry, sources
from tests.eval.benchmarks import tables


def value(found, name, metric):
  return found[name, metric].value


def test_procbench(tmp_path):
  label = {"init": "0", "intermediate": ["a", "b"], "final": "c"}
  wrong = {"intermediate": ["a", "b", "x"], "final": "c"}
  path = tables.lines(
    tmp_path / "rows.jsonl",
    {"label": label, "prediction": wrong, "task": "sort"},
    {"label": label, "prediction": label},
    {"label": {"intermediate": list("abcdef"), "final": "g"}},
  )
  found = tables.measure("procbench", path)
  assert value(found, "short", "prefix_accuracy") == pytest.approx(0.75)
  assert value(found, "short", "sequential") == 0.5
  assert value(found, "short", "final") == 1
  assert value(found, "medium", "prefix_length") == 0
  assert found["all", "final"].n == 3
  assert value(found, "all", "final") == pytest.approx(2 / 3)


def test_dia(tmp_path):
  outcomes = {"t": ["correct"] * 4 + ["wrong"], "u": ["correct"] * 5}
  rows = [
    {"template": name, "outcome": outcome}
    for name, own in outcomes.items()
    for outcome in own
  ]
  path = tables.lines(tmp_path / "rows.jsonl", *rows)
  found = tables.measure("dia", path)
  assert value(found, "templates", "reliability_score") == pytest.approx(0.7)
  assert value(found, "templates", "task_success_rate") == pytest.approx(0.9)
  assert value(found, "templates", "confidence_index") == 1
  assert value(found, "templates", "near_miss_score") == 1
  bad = tables.lines(tmp_path / "b.jsonl", {"template": "t", "outcome": "ok"})
  with pytest.raises(errors.UserError, match="template t: outcome: 'ok'"):
    tables.measure("dia", bad)
  with pytest.raises(errors.UserError, match=r"c\.jsonl:1: outcome: missing"):
    tables.measure("dia", tables.lines(tmp_path / "c.jsonl", {"template": "t"}))


def test_perturbation(tmp_path):
  path = tables.lines(
    tmp_path / "rows.jsonl",
    {"seed": "a", "correct": True},
    {"seed": "b", "correct": True, "kind": "seed"},
    {"seed": "a", "correct": True, "kind": "symbolic"},
    {"seed": "a", "correct": False, "kind": "symbolic"},
    {"seed": "b", "correct": False, "kind": "symbolic"},
  )
  found = tables.measure("perturbation", path)
  assert value(found, "symbolic", "drop") == pytest.approx(0.75)
  assert value(found, "symbolic", "accuracy") == pytest.approx(0.25)
  seeds = {"seed": "a", "correct": True}
  twice = tables.lines(tmp_path / "twice.jsonl", seeds, seeds)
  with pytest.raises(errors.UserError, match="'a' stands there twice"):
    tables.measure("perturbation", twice)
  alone = tables.lines(tmp_path / "alone.jsonl", seeds)
  with pytest.raises(errors.UserError, match="no row is a variant"):
    tables.measure("perturbation", alone)


def test_runs(tmp_path):
  rows = [
    {"algorithm": name, "task": task, "seed": seed, "score": score}
    for name, table in {
      "new": [[1.0, 0.8], [0.8, 0.6]],
      "old": [[0.5, 0.8], [0.5, 0.4]],
    }.items()
    for seed, own in enumerate(table)
    for task, score in zip("xy", own, strict=True)
  ]
  path = tables.lines(tmp_path / "rows.jsonl", *rows)
  found = tables.measure("runs", path)
  assert value(found, "new", "iqm") == pytest.approx(0.8)  # of .6 .8 .8 1
  assert value(found, "old", "optimality_gap") == pytest.approx(0.45)
  # x: all 4 pairs; y: .8 ties .8, beats .4, .6 loses to .8, beats .4.
  metric = "probability_of_improvement"
  assert value(found, "new over old", metric) == pytest.approx(
    (1 + 2.5 / 4) / 2
  )
  assert value(found, "new", "median") == pytest.approx(0.8)  # of .9 and .7
  profiles = [
    (m.name, m.at, m.value)
    for m in registry.make("runs", {"levels": (0.5, 0.7)}).measure(
      path, base.Absent(), tables.FEW
    )
    if m.metric == "performance_profile"
  ]
  assert profiles == [
    *(("new", 0.5, 1), ("new", 0.7, 0.75)),
    *(("old", 0.5, 0.25), ("old", 0.7, 0.25)),
  ]
  less = tables.lines(tmp_path / "less.jsonl", *rows[:-1])
  with pytest.raises(
    errors.UserError, match=r"old: seed 1 has no score on.*'y'"
  ):
    tables.measure("runs", less)


def test_consistency_of_a_verifier_that_reads_the_instruction(tmp_path):
  pair = {
    "instruction": "add 1",
    "response": "add 1\n\nplus",
    "other_instruction": "add 2",
    "other_response": "add 2\n\nplus",
  }
  path = tables.lines(tmp_path / "rows.jsonl", pair)

  def fits(problems, given):
    """High where the first step repeats the problem."""
    return [
      [0.9 if steps[0] == problem.prompt else 0.2, 0.5]
      for problem, steps in zip(problems, given, strict=True)
    ]

  found = tables.measure("consistency", path, sources.Verifier(fits))
  assert value(found, "min", "response_consistency") == 1
  assert value(found, "min", "instruction_consistency") == 1
  # The last step does not tell: all four are equal.
  assert value(found, "last", "instruction_consistency") == 0
  assert value(found, "last", "instruction_consistency_ties_half") == 0.5
