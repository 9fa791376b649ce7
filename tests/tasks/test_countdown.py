"""Countdown: exact solver, judgements and generated problems."""

import dataclasses

import numpy as np
import pytest

from prm_jax import errors
from prm_jax.tasks import countdown, game24
from prm_jax.text import steps as steps_lib

SPLITS = ("train", "validation", "test")
SMALL = countdown.Config(num_problems=40)
EXAMPLE = countdown.make_problem((49, 5, 21, 15), 30)
SOLVED = ["21 - 15 = 6 | 5 6 49", "5 * 6 = 30 | 30 49"]


@pytest.fixture(scope="module")
def task():
  return countdown.Countdown(SMALL)


def test_problem_text():
  assert EXAMPLE.id == "countdown/5-15-21-49=30"
  assert EXAMPLE.prompt == "5 15 21 49 = 30 :"


@pytest.mark.parametrize(
  ("numbers", "target", "domain", "fewest"),
  [
    ((1, 2, 4), 7, "natural", 2),
    ((2, 3, 7), 6, "natural", 1),
    ((1, 1, 1), 9, "natural", None),
    ((3, 5, 7, 50), 350, "natural", 1),
    ((1, 3, 7, 10, 25, 50), 765, "natural", 3),
    ((1, 1, 2, 2, 3, 3), 997, "natural", None),
    ((3, 3, 8, 8), 24, "natural", 1),
    ((5, 5, 5, 1), 24, "rational", 2),
    ((5, 5, 5, 1), 24, "natural", 2),
    ((1, 3, 4), 100, "rational", None),
  ],
)
def test_solver(numbers, target, domain, fewest):
  steps = countdown.solve(numbers, target, domain)
  assert (steps and len(steps)) == fewest
  if steps:
    config = countdown.Config(3, 6, domain=domain)
    problem = countdown.make_problem(numbers, target)
    assert countdown.Countdown(config).verify(problem, steps).correct


def test_the_domain_decides_what_is_solvable():
  """27 of 2 2 5 6 is (2 + 5/2) * 6 and nothing else."""
  assert countdown.solve((2, 2, 5, 6), 27, "natural") is None
  assert countdown.solve((2, 2, 5, 6), 27, "integer") is None
  steps = countdown.solve((2, 2, 5, 6), 27, "rational")
  assert steps == [
    "5 / 2 = 5/2 | 2 5/2 6",
    "2 + 5/2 = 9/2 | 9/2 6",
    "9/2 * 6 = 27 | 27",
  ]
  problem = countdown.make_problem((2, 2, 5, 6), 27)
  verdict = countdown.Countdown(SMALL).verify(problem, steps)
  assert verdict.reason == "step 1: 5 / 2 = 5/2 is not allowed"


def test_verify(task):
  verdict = task.verify(EXAMPLE, SOLVED)
  assert verdict.correct
  assert verdict.answer == "5 * (21 - 15)"


@pytest.mark.parametrize(
  ("steps", "reason"),
  [
    ([], "ends at 5 15 21 49, not 30"),
    (SOLVED[:1], "ends at 5 6 49, not 30"),
    ([*SOLVED, "49 - 30 = 19 | 19"], "step 3: 30 was already reached"),
    (["15 - 21 = -6 | -6 5 49"], "step 1: 15 - 21 = -6 is not allowed"),
    (["15 + 15 = 30 | 5 21 30 49"], "step 1: 15 and 15 are not both"),
  ],
)
def test_verify_what_is_no_solution(task, steps, reason):
  verdict = task.verify(EXAMPLE, steps)
  assert not verdict.correct
  assert verdict.reason.startswith(reason)


def test_oracle_and_value(task):
  truth = task.oracle(EXAMPLE, SOLVED)
  assert truth.valid == truth.solvable == [True, True]
  assert task.value(EXAMPLE, SOLVED) == 1.0
  lost = ["49 - 21 = 28 | 5 15 28"]
  truth = task.oracle(EXAMPLE, lost)
  assert (truth.valid, truth.solvable) == ([True], [False])
  assert task.value(EXAMPLE, lost) == 0.0
  assert 0 < task.value(EXAMPLE, []) < task.value(EXAMPLE, SOLVED[:1]) < 1


def test_value_by_hand(task):
  """3 5 -> 15: legal natural moves 3+5 5+3 5-3 3*5 5*3, two of them win."""
  problem = countdown.make_problem((3, 5), 15)
  assert task.value(problem, []) == 2 / 5


def test_problems_are_solvable_distinct_and_split(task):
  names = {}
  for split in SPLITS:
    for problem in task.problems(split):
      numbers, target = problem.meta["numbers"], problem.meta["target"]
      assert names.setdefault(problem.id, split) == split
      assert len(numbers) == 4
      assert numbers == sorted(numbers)
      assert target not in numbers
      assert 10 <= target <= 100
      assert countdown.solve(numbers, target) is not None
  assert len(names) == SMALL.num_problems
  assert set(names.values()) == set(SPLITS)


def test_more_problems_keep_the_first_ones(task):
  more = countdown.Countdown(dataclasses.replace(SMALL, num_problems=45))
  few, many = ([p.id for p in t.problems("train")] for t in (task, more))
  assert many[: len(few)] == few
  other = countdown.Countdown(
    dataclasses.replace(SMALL, seed=1, num_problems=5)
  )
  assert not {p.id for p in other.problems("train")} & set(few)


@pytest.mark.parametrize("domain", ["natural", "rational"])
def test_demonstrations_are_legal_and_short(domain):
  config = countdown.Config(3, 6, num_problems=12, domain=domain)
  task = countdown.Countdown(config)
  tokenizer, rng = task.tokenizer(), np.random.default_rng(0)
  sizes = set()
  for problem in task.problems("train"):
    sizes.add(len(problem.meta["numbers"]))
    shown = task.demonstrations(problem, rng, 4)
    verdicts = [task.verify(problem, steps) for steps in shown]
    assert [v.correct for v in verdicts[:2]] == [True, True]
    for steps in shown:
      assert 0 < len(steps) <= task.max_steps
      assert all(task.oracle(problem, steps).valid)
      solution = steps_lib.encode_solution(tokenizer, problem.prompt, steps)
      ends = [solution.prompt_length - 1, *solution.step_end.tolist()]
      assert max(np.diff(ends)) <= task.max_step_tokens
  assert len(sizes) > 1


def test_both_games_judge_by_the_same_code():
  """With all numbers to be used, countdown's only difference is the target."""
  for name in ("verify", "oracle", "value", "demonstrations", "replay"):
    assert getattr(countdown.Countdown, name) is getattr(game24.Game24, name)


@pytest.mark.parametrize(
  ("fields", "message"),
  [
    ({"min_numbers": 2}, "task.min_numbers: expected 3 to"),
    ({"max_numbers": 7}, "task.max_numbers: expected at most 6, got 7"),
    ({"min_numbers": 5}, "task.min_numbers: expected 3 to task.max_numbers"),
    ({"smallest": 0}, "task.smallest: expected 1 to"),
    ({"largest": 0}, "task.smallest: expected 1 to task.largest (0), got 1"),
    ({"min_target": 101}, "task.min_target: expected 1 to"),
    ({"num_problems": 0}, "task.num_problems, task.seed: expected at least"),
    ({"num_solutions": -1}, "task.num_solutions, task.num_explorations:"),
    (
      {"largest": 1, "min_target": 90, "num_problems": 1},
      "task.num_problems: found 0 different problems of the 1 asked for",
    ),
  ],
)
def test_bad_config(fields, message):
  with pytest.raises(errors.UserError) as told:
    list(countdown.Countdown(countdown.Config(**fields)).problems("test"))
  assert str(told.value).startswith(message)
  assert "\n" not in str(told.value)
