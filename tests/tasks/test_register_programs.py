"""Programs on registers: semantics, exhaustive tests, exact values."""

import dataclasses
import itertools

import numpy as np
import pytest

from prm_jax import errors
from prm_jax.tasks import register_programs, registers

MACHINE = registers.Machine(3, 3, 2)
LINES = [registers.Line(2, 0, "*", 1), registers.Line(0, 2, "+", 1)]
PROBLEM = register_programs.make_problem(LINES, MACHINE)  # x y + y
RIGHT = ["2 = 0 * 1", "0 = 2 + 1"]
CONFIG = register_programs.Config(modulus=3, num_problems=30)


@pytest.fixture(scope="module")
def task():
  return register_programs.RegisterPrograms(CONFIG)


def test_problem_text():
  assert PROBLEM.prompt == "3 : 2 3 : 0 1 2 0 2 1 0 0 0 :"
  assert PROBLEM.answer == "0 1 2 0 2 1 0 0 0"
  assert register_programs.reference_of(PROBLEM) == LINES


@pytest.mark.parametrize(
  ("line", "function"),
  [
    ("0 = 0 + 1", lambda x, y: (x + y) % 5),
    ("0 = 0 - 1", lambda x, y: (x - y) % 5),
    ("0 = 0 * 1", lambda x, y: (x * y) % 5),
    ("0 = 0 | 1", lambda x, y: x % y if y else 0),
    ("0 = : 4", lambda x, y: 4),
    ("2 = 0 + 1", lambda x, y: x),
    ("0 = 0 + 2", lambda x, y: x),
  ],
)
def test_what_lines_do(line, function):
  machine = registers.Machine(5, 3, 2)
  parsed = registers.parse(line, machine)
  assert str(parsed) == line
  expected = [function(x, y) for x, y in itertools.product(range(5), repeat=2)]
  assert list(registers.results([parsed], machine)) == expected


@pytest.mark.parametrize(
  "line",
  ["", "0 = 1", "3 = 0 + 1", "0 = 3 + 1", "0 = 0 / 1", "0 = : 3", "x = 0 + 1",
   "0 = 0 + 1 + 2", "0  = 0 + 1", "__import__('os')"],
)  # fmt: skip
def test_what_is_no_line(task, line):
  assert registers.parse(line, MACHINE) is None
  verdict = task.verify(PROBLEM, [RIGHT[0], line])
  assert (verdict.correct, verdict.answer) == (False, None)
  assert task.oracle(PROBLEM, [line, *RIGHT]).valid == [False] * 3
  assert task.value(PROBLEM, [RIGHT[0], line]) == 0


def test_verdicts(task):
  assert task.verify(PROBLEM, RIGHT).correct
  other = ["2 = 1 * 0", "0 = 1 + 2"]  # another program of that function
  assert task.verify(PROBLEM, other).correct
  long = [*RIGHT, "1 = 1 - 1"]
  assert task.verify(PROBLEM, long).correct
  wrong = task.verify(PROBLEM, ["2 = 0 + 1", "0 = 2 + 1"])
  assert not wrong.correct
  assert wrong.reason.startswith("fails")
  assert len(wrong.answer.split()) == 9
  assert not task.verify(PROBLEM, []).correct


def test_step_labels_are_those_of_execution(task):
  truth = task.oracle(PROBLEM, ["2 = 1 * 0", "0 = 2 - 1"])
  assert truth.valid == [True, False]
  truth = task.oracle(PROBLEM, ["2 = 0 + 1", "0 = 2 + 1"])
  assert truth.valid == [False, False]


def test_mutants_and_refactorings():
  line = LINES[0]
  others = register_programs.mutants(line, MACHINE)
  # Three other signs, and two other registers in each of three places.
  assert len(others) == len(set(others)) == 9
  assert line not in others
  differ = [sum(a != b for a, b in zip(line, o, strict=True)) for o in others]
  assert set(differ) == {1}
  machine = registers.Machine(3, 2, 2)
  for line in registers.all_lines(machine):
    for other in register_programs.refactored(line, machine):
      assert other != line
      same = registers.run([line], machine) == registers.run([other], machine)
      assert same.all()
  constant = registers.Line(0, 1, registers.CONSTANT, 0)
  assert len(register_programs.mutants(constant, MACHINE)) == 2
  assert register_programs.refactored(constant, MACHINE) == ()


def test_values_by_enumeration(task):
  """All outcomes of the policy, weighted, against the recursion."""
  e = CONFIG.error_rate

  def total(written, t):
    if t == len(LINES):
      found = registers.results(written, MACHINE)
      return float(" ".join(map(str, found)) == PROBLEM.answer)
    others = register_programs.mutants(LINES[t], MACHINE)
    return (1 - e) * total([*written, LINES[t]], t + 1) + sum(
      e / len(others) * total([*written, other], t + 1) for other in others
    )

  assert task.value(PROBLEM, []) == pytest.approx(total([], 0))
  first = registers.parse("0 = 0 * 1", MACHINE)
  expected = total([first], 1)
  # One mutant of the second line saves it, `0 = 0 + 1`.
  assert expected == pytest.approx(e / 9)
  assert task.value(PROBLEM, [str(first)]) == pytest.approx(expected)


def test_the_policy_has_the_values_it_claims():
  config = dataclasses.replace(CONFIG, error_rate=0.3)
  task = register_programs.RegisterPrograms(config)
  problem = next(task.problems("train"))
  rng = np.random.default_rng(0)
  outcomes: dict[float, list[bool]] = {}
  for _ in range(300):
    steps, correct = task.sample(problem, rng)
    assert task.verify(problem, steps).correct == correct
    for end in range(len(steps)):
      value = round(task.value(problem, steps[:end]), 12)
      outcomes.setdefault(value, []).append(correct)
  for value, found in outcomes.items():
    sigma = np.sqrt(max(value * (1 - value), 1e-12) / len(found))
    assert abs(np.mean(found) - value) < 4.5 * sigma + 1e-9


def test_every_line_of_a_reference_is_needed(task):
  seen = set()
  for split in ("train", "validation", "test"):
    for problem in task.problems(split):
      machine = register_programs.machine_of(problem)
      lines = register_programs.reference_of(problem)
      assert CONFIG.min_lines <= len(lines) <= CONFIG.max_lines
      assert task.verify(problem, list(map(str, lines))).correct
      for index in range(len(lines)):
        rest = [*lines[:index], *lines[index + 1 :]]
        found = registers.results(rest, machine)
        assert " ".join(map(str, found)) != problem.answer
      seen.add(problem.id)
  assert len(seen) == CONFIG.num_problems


@pytest.mark.parametrize(
  ("field", "value"),
  [("modulus", 1), ("num_registers", 9), ("num_inputs", 4), ("max_lines", 7),
   ("min_lines", 0), ("error_rate", 1.5), ("num_problems", 10**6)],
)  # fmt: skip
def test_mistakes(field, value):
  changes = {field: value}
  if field == "num_problems":  # there are not so many functions
    changes |= {"modulus": 2, "num_registers": 2, "num_inputs": 1}

  def make():
    config = dataclasses.replace(CONFIG, **changes)
    return list(register_programs.RegisterPrograms(config).problems("train"))

  with pytest.raises(errors.UserError, match=rf"task\.({field}|max_lines|num)"):
    make()
