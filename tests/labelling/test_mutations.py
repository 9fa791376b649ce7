"""Execution labels of rewritten lines, equivalent mutants included."""

import numpy as np
import pytest

from prm_jax import errors
from prm_jax.labelling import mutations
from prm_jax.tasks import chain, register_programs
from tests.labelling import chains

TASK = register_programs.RegisterPrograms(
  register_programs.Config(modulus=3, num_problems=20)
)
TASKS = {TASK.name: TASK, "chain": chain.Chain()}
Config = mutations.Config


@pytest.fixture(scope="module")
def given():
  """Reference programs as records, and their problems."""
  problems = list(TASK.problems("train"))
  labels = [
    chains.label(
      [0] * len(p.meta["reference"]),
      [0] * len(p.meta["reference"]),
      problem_id=p.id,
      steps=tuple(p.meta["reference"]),
    )
    for p in problems
  ]
  return labels, problems


def relabel(given, **options):
  return mutations.relabel(*given, TASKS.__getitem__, Config(**options))


def test_labels_are_what_the_tests_say(given):
  found = relabel(given, copies=3)
  labels, problems = given
  by_id = {p.id: p for p in problems}
  kinds = set()
  for one in found.labels:
    index = one.extra["rewritten"]["line"]
    problem = by_id[one.problem_id]
    reference = problem.meta["reference"]
    differ = [a != b for a, b in zip(one.steps, reference, strict=True)]
    assert [k for k, d in enumerate(differ) if d] == [index]
    right = TASK.verify(problem, one.steps).correct
    assert TASK.oracle(problem, one.steps).valid[index] == right
    assert one.hard[: index + 1] == (*(1,) * index, int(right))
    assert one.first_error == (-1 if right else index)
    assert right or set(one.hard[index + 1 :]) <= {None}
    kinds.add((one.extra["rewritten"]["by"], right))
  # Mutants that do the same are right; refactorings are never wrong.
  assert kinds == {("mutation", 0), ("mutation", 1), ("refactoring", 1)}
  assert found.told["refactoring_wrong"] == 0
  lines = sum(len(label.steps) for label in labels)
  drawn = sum(
    found.told[name]
    for name in ("mutation_wrong", "mutation_equivalent", "refactoring_right",
                 "not_rewritten")
  )  # fmt: skip
  assert drawn == 3 * lines
  assert found.told["different"] == len(found.labels) <= drawn


def test_shares_and_seeds(given):
  only = relabel(given, refactor=1.0)
  assert only.told["mutation_wrong"] + only.told["mutation_equivalent"] == 0
  none = relabel(given, refactor=0.0)
  assert none.told["refactoring_right"] == none.told["not_rewritten"] == 0
  assert relabel(given, refactor=0.0).labels == none.labels
  assert relabel(given, refactor=0.0, seed=1).labels != none.labels


def test_share_of_equivalent_mutants(given):
  """Drawn mutants are right as often as all of them are."""
  _, problems = given
  shares = []
  for problem in problems:
    machine = register_programs.machine_of(problem)
    lines = register_programs.reference_of(problem)
    for index, line in enumerate(lines):
      others = register_programs.mutants(line, machine)
      texts = [list(map(str, lines)) for _ in others]
      for text, other in zip(texts, others, strict=True):
        text[index] = str(other)
      shares.append(
        np.mean([TASK.verify(problem, text).correct for text in texts])
      )
  found = relabel(given, refactor=0.0, copies=8)
  told = found.told
  num = told["mutation_wrong"] + told["mutation_equivalent"]
  share, exact = told["mutation_equivalent"] / num, np.mean(shares)
  assert 0 < exact < 1
  assert abs(share - exact) <= 4.5 * np.sqrt(exact * (1 - exact) / num)


def test_wrong_programs_are_left_out(given):
  labels, problems = given
  wrong = chains.label(
    [0], [0], problem_id=problems[0].id, steps=("0 = 0 - 0",)
  )
  found = mutations.relabel(
    [wrong, labels[1]], problems[:2], TASKS.__getitem__, Config()
  )
  assert found.told["wrong"] == 1
  assert {one.problem_id for one in found.labels} <= {labels[1].problem_id}


def test_mistakes():
  problem, steps = chains.solutions(1)[0]
  label = chains.label([0] * 5, [0] * 5, steps=steps)
  with pytest.raises(errors.UserError, match="'chain' are no programs"):
    mutations.relabel([label], [problem], TASKS.__getitem__, Config())
  with pytest.raises(errors.UserError, match=r"method\.refactor"):
    Config(refactor=2.0)
  with pytest.raises(errors.UserError, match=r"method\.copies"):
    Config(copies=0)
