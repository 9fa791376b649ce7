"""Benchmarks of what a policy wrote on generated problems."""

import dataclasses

import pytest

from prm_jax import errors
from prm_jax.data import records
from prm_jax.tasks import instructions, perturbed_algebra, templates
from tests.eval.benchmarks import tables


def solutions(path, problems, texts, correct=None):
  rows = [
    records.Solution(problem.id, tuple(text.split("\n\n")), correct=verdict)
    for problem, text, verdict in zip(
      problems, texts, correct or [None] * len(texts), strict=True
    )
  ]
  return tables.records(path, *rows)


@pytest.fixture
def measured(tmp_path):
  """Numbers of a benchmark for texts on problems."""

  def run(name, problems, texts, correct=None):
    path = solutions(tmp_path / "said.jsonl", problems, texts, correct)
    posed = tables.records(tmp_path / "set.jsonl", *problems)
    found = tables.measure(name, path, problems=posed)
    return {key: measure.value for key, measure in found.items()}

  return run


def test_states_of_a_text(measured):
  problems = instructions.make_set([4])[:3]
  said = [instructions.states(problem) for problem in problems]
  said[1] = [*said[1][:2], "nonsense", said[1][3]]
  texts = [
    "\n\n".join(f"State {k}: {s}" for k, s in enumerate(own, 1)) for own in said
  ]
  texts[2] = "I cannot."
  found = measured("procbench", problems, texts)
  assert found["all", "prefix_accuracy"] == pytest.approx((1 + 0.5 + 0) / 3)
  assert found["all", "sequential"] == pytest.approx(1 / 3)
  assert found["all", "final"] == pytest.approx(2 / 3)


def test_outcomes_of_templates(measured):
  """One template is right throughout, one half; others say they cannot."""
  problems = templates.make_set(2)
  texts = [f"Hm.\n\n\\boxed{{{templates.UNKNOWN}}}" for _ in problems]
  for i in range(3):
    texts[i] = f"The answer is {problems[i].answer}."
  found = measured("dia", problems, texts)
  assert found["templates", "task_success_rate"] == pytest.approx(1.5 / 10)


def test_drops_of_perturbations(measured):
  problems = perturbed_algebra.make_set(2)
  kinds = [problem.meta["kind"] for problem in problems]
  right = [kind in ("seed", "equivalence") for kind in kinds]
  right[-1] = True  # the second symbolic one
  found = measured("perturbation", problems, ["so"] * len(problems), right)
  assert found["numeric_all", "drop"] == 1
  assert found["equivalence", "drop"] == 0
  assert found["symbolic", "drop"] == 0.5


def test_the_chosen_row_counts(tmp_path):
  problems = perturbed_algebra.make_set(1)
  samples = [
    records.SearchSample(
      problem.id,
      (
        records.SearchRow(("no",), correct=False),
        records.SearchRow(("yes",), correct=True),
      ),
      {"seed": 1, "numeric_one": 1, "numeric_all": 0}.get(problem.meta["kind"]),
      {},
    )
    for problem in problems
  ]
  found = tables.measure(
    "perturbation",
    tables.records(tmp_path / "samples.jsonl", *samples),
    problems=tables.records(tmp_path / "set.jsonl", *problems),
  )
  drops = {name: m.value for (name, metric), m in found.items()
           if metric == "drop"}  # fmt: skip
  assert drops == {
    "numeric_one": 0, "numeric_all": 1, "equivalence": 1, "symbolic": 1
  }  # fmt: skip


def test_what_does_not_fit(measured, tmp_path):
  problems = templates.make_set(1)
  texts = ["so"] * len(problems)
  bare = [dataclasses.replace(p, meta={}) for p in problems]
  algebra = perturbed_algebra.make_set(1)
  for told, call in (
    ("task: 'templates', this bench", ("procbench", problems, texts)),
    ("power_remainder-0: meta.template: missing", ("dia", bare, texts)),
    ("have the same", ("dia", problems[:1] * 2, ["so"] * 2)),
    ("correct: not judged", ("perturbation", algebra, ["so"] * 5)),
  ):
    with pytest.raises(errors.UserError, match=told):
      measured(*call)
  posed = tables.records(tmp_path / "posed.jsonl", *problems)
  few = solutions(tmp_path / "few.jsonl", problems[:9], texts[:9])
  with pytest.raises(
    errors.UserError, match=r"1 of 10 problems .* templates/fraction_su"
  ):
    tables.measure("dia", few, problems=posed)
  twice = solutions(tmp_path / "twice.jsonl", problems[:1] * 2, ["a", "b"])
  with pytest.raises(errors.UserError, match="has several solutions"):
    tables.measure("dia", twice, problems=posed)
  other = solutions(tmp_path / "other.jsonl", algebra[:1], ["a"])
  with pytest.raises(
    errors.UserError, match=r"'perturbed_algebra/.* is not in"
  ):
    tables.measure("dia", other, problems=posed)
