"""Game of 24: its puzzles, splits, judgements, demonstrations and files."""

import dataclasses
import re

import numpy as np
import pytest

from prm_jax import errors
from prm_jax.tasks import game24, plays
from prm_jax.text import steps as steps_lib

SPLITS = ("train", "validation", "test")
EXAMPLE = game24.make_problem((13, 4, 10, 9))
SOLVED = ["13 - 9 = 4 | 4 4 10", "10 - 4 = 6 | 4 6", "4 * 6 = 24 | 24"]


@pytest.fixture(scope="module")
def task():
  return game24.Game24()


def ids(task, split):
  return [problem.id for problem in task.problems(split)]


def test_all_solvable_puzzles_are_found():
  puzzles = game24.solvable_puzzles()
  assert len(puzzles) == len(set(puzzles)) == 1362
  assert (4, 9, 10, 13) in puzzles
  assert (3, 3, 8, 8) in puzzles
  assert (1, 1, 1, 1) not in puzzles


def test_a_puzzle_that_needs_fractions():
  solutions = game24.enumerate_solutions((3, 3, 8, 8))
  assert solutions == (
    (
      "8 / 3 = 8/3 | 8/3 3 8",
      "3 - 8/3 = 1/3 | 1/3 8",
      "8 / 1/3 = 24 | 24",
    ),
  )


def test_problem_text():
  assert EXAMPLE.id == "game24/4-9-10-13"
  assert EXAMPLE.prompt == "4 9 10 13 :"
  assert EXAMPLE.task == "game24"
  assert EXAMPLE.answer == "24"


def test_splits_are_disjoint_and_complete(task):
  splits = [ids(task, split) for split in SPLITS]
  together = [name for split in splits for name in split]
  assert len(together) == len(set(together)) == 1362
  # The hash is part of the format: results are compared across versions.
  assert [len(split) for split in splits] == [938, 169, 255]
  assert ids(task, "test") == ids(game24.Game24(), "test")


def test_verify_a_solution(task):
  verdict = task.verify(EXAMPLE, SOLVED)
  assert verdict.correct
  assert verdict.answer == "4 * (9 + 10 - 13)"


@pytest.mark.parametrize(
  ("steps", "answer", "reason"),
  [
    ([], None, "ends at 4 9 10 13, not 24"),
    (SOLVED[:2], None, "ends at 4 6, not 24"),
    (
      [*SOLVED[:2], "4 + 6 = 10 | 10"],
      "4 + 9 + 10 - 13",
      "ends at 10, not 24",
    ),
    (
      [*SOLVED[:2], "4 + 6 = 24 | 24"],
      "4 + 9 + 10 - 13",
      "step 3: 4 + 6 is 10, not 24",
    ),
    (
      [SOLVED[0], "10 - 4 = 6 | 4 4 6", SOLVED[2]],
      "4 * (9 + 10 - 13)",
      "step 2: the numbers left are 4 6",
    ),
    ([*SOLVED, "24 + 0 = 24 | 24"], None, "step 4: 24 was already reached"),
    (["24"], None, "step 1: '24' is not of the form"),
  ],
)
def test_verify_what_is_no_solution(task, steps, answer, reason):
  verdict = task.verify(EXAMPLE, steps)
  assert not verdict.correct
  assert verdict.reason.startswith(reason)
  assert verdict.answer == answer


def test_oracle_tells_valid_from_solvable(task):
  # 4 + 9 = 13 leaves 10 13 13: legal, but 24 is out of reach.
  lost = ["4 + 9 = 13 | 10 13 13", "13 - 13 = 0 | 0 10", "0 + 10 = 10 | 10"]
  truth = task.oracle(EXAMPLE, lost)
  assert truth.valid == [True, True, True]
  assert truth.solvable == [False, False, False]
  truth = task.oracle(EXAMPLE, SOLVED)
  assert truth.valid == truth.solvable == [True, True, True]
  truth = task.oracle(EXAMPLE, [SOLVED[0], "10 - 4 = 5 | 4 5", SOLVED[2]])
  assert truth.valid == truth.solvable == [True, False, False]


def test_solvable_is_a_positive_value(task):
  rng = np.random.default_rng(0)
  for problem in list(task.problems("test"))[:20]:
    for steps in task.demonstrations(problem, rng, 4):
      truth = task.oracle(problem, steps)
      values = [task.value(problem, steps[: k + 1]) for k in range(3)]
      assert truth.solvable == [value > 0 for value in values]
      assert values[-1] == task.verify(problem, steps).correct


def test_judgement_of_a_step_ignores_later_steps(task):
  one = task.oracle(EXAMPLE, [*SOLVED[:2], "nonsense"])
  other = task.oracle(EXAMPLE, SOLVED)
  assert one.valid[:2] == other.valid[:2]
  assert one.solvable[:2] == other.solvable[:2]


def test_value(task):
  assert task.value(EXAMPLE, []) == game24.state_value((4, 9, 10, 13))
  assert task.value(EXAMPLE, []) == pytest.approx(24 / 9216, abs=1e-12)
  assert task.value(EXAMPLE, SOLVED[:2]) == 2 / 8
  assert task.value(EXAMPLE, SOLVED) == 1.0
  assert task.value(EXAMPLE, ["13 - 9 = 5 | 4 5 10"]) == 0.0
  assert task.replay(EXAMPLE, SOLVED[:1]) == (4, 4, 10)
  assert task.replay(EXAMPLE, ["x"]) is None


@pytest.mark.parametrize(
  ("solutions", "explorations", "num_correct"),
  [(1, 0, 8), (3, 1, 6), (0, 1, 0)],
)
def test_demonstrations_mix(solutions, explorations, num_correct):
  config = game24.Config(num_solutions=solutions, num_explorations=explorations)
  task = game24.Game24(config)
  rng = np.random.default_rng(0)
  problem = game24.make_problem((1, 1, 11, 13))
  shown = task.demonstrations(problem, rng, 8)
  assert len(shown) == 8
  correct = [task.verify(problem, steps).correct for steps in shown]
  assert correct[:num_correct] == [True] * num_correct
  for steps in shown:
    assert all(task.oracle(problem, steps).valid)


def test_all_demonstrations_are_legal_tame_and_short(task):
  tokenizer = task.tokenizer()
  rng = np.random.default_rng(0)
  tame = game24._TIERS[0]
  needs_fractions = [
    problem
    for problem in task.problems("train")
    if not plays.solvable(task.start(problem), tame)
  ]
  assert len(needs_fractions) == 13
  for problem in [*needs_fractions, *list(task.problems("train"))[:30]]:
    shown = task.demonstrations(problem, rng, 4)
    verdicts = [task.verify(problem, steps) for steps in shown]
    assert [v.correct for v in verdicts[:2]] == [True, True]
    assert all(verdict.answer is not None for verdict in verdicts)
    for steps in shown:
      assert len(steps) == task.max_steps
      assert all(task.oracle(problem, steps).valid)
      solution = steps_lib.encode_solution(tokenizer, problem.prompt, steps)
      ends = [solution.prompt_length - 1, *solution.step_end.tolist()]
      assert max(np.diff(ends)) <= task.max_step_tokens
    if problem not in needs_fractions:
      assert "/" not in "".join(shown[0]).replace(" / ", "")
      assert not re.search(r"-\d", "".join(shown[0]))


def test_demonstrations_repeat_for_the_same_seed(task):
  first, second = (
    task.demonstrations(EXAMPLE, np.random.default_rng(7), 6) for _ in range(2)
  )
  assert first == second
  assert first != task.demonstrations(EXAMPLE, np.random.default_rng(8), 6)


def test_an_unsolvable_puzzle_is_played_all_the_same(task):
  problem = game24.make_problem((1, 1, 1, 1))
  shown = task.demonstrations(problem, np.random.default_rng(0), 4)
  assert len(shown) == 4
  assert not any(task.verify(problem, steps).correct for steps in shown)
  assert task.value(problem, []) == 0.0
  assert not game24.solvable((1, 1, 1, 1))


@pytest.fixture
def puzzle_file(tmp_path):
  def write(text):
    path = tmp_path / "mine.txt"
    path.write_text(text)
    return str(path)

  return write


def test_own_puzzles_replace_the_test_split(task, puzzle_file):
  path = puzzle_file("# mine\n13 10 9 4\n\n1, 1,1 1  # has no solution\n")
  own = game24.Game24(game24.Config(problems=path))
  assert ids(own, "test") == ["game24/4-9-10-13", "game24/1-1-1-1"]
  for split in ("train", "validation"):
    assert set(ids(own, split)) == set(ids(task, split)) - {"game24/4-9-10-13"}


def test_excluded_puzzles_are_not_trained_on(task, puzzle_file):
  numbers = [next(task.problems(s)).meta["numbers"] for s in SPLITS]
  lines = "\n".join(" ".join(map(str, line)) for line in numbers * 2)
  config = game24.Config(exclude=puzzle_file(lines))
  left = [ids(game24.Game24(config), split) for split in SPLITS]
  assert [len(split) for split in left] == [937, 168, 255]


@pytest.mark.parametrize(
  ("text", "message"),
  [
    ("1 2 3\n", ":1: field task.problems: expected 4 numbers, got 3"),
    ("1 2 3 4 5\n", ":1: field task.problems: expected 4 numbers, got 5"),
    (
      "1 2 3 4\n1 2 x 4",
      ":2: field task.problems: expected whole numbers, got 'x'",
    ),
    ("1 2 3 14", ":1: field task.problems: numbers must be 1 to 13, got 14"),
    ("0 2 3 4", ":1: field task.problems: numbers must be 1 to 13, got 0"),
    ("-1 2 3 4", ":1: field task.problems: numbers must be 1 to 13, got -1"),
    ("1.5 2 3 4", ":1: field task.problems: expected whole numbers, got '1.5'"),
    ("", ": holds no puzzle (field task.problems)"),
    ("# nothing\n\n", ": holds no puzzle (field task.problems)"),
    (
      "1 2 3 4\n4 3 2 1",
      ": field task.problems: puzzle 1 2 3 4 stands there 2",
    ),
  ],
  ids=[
    "three_numbers",
    "five_numbers",
    "letters",
    "too_large",
    "zero",
    "negative",
    "decimal",
    "empty",
    "comments_only",
    "twice",
  ],
)
def test_bad_puzzle_file(puzzle_file, text, message):
  path = puzzle_file(text)
  with pytest.raises(errors.UserError) as told:
    game24.Game24(game24.Config(problems=path))
  assert str(told.value).startswith(path + message)
  assert "\n" not in str(told.value)


@pytest.mark.parametrize("field", ["problems", "exclude"])
def test_missing_puzzle_file(field):
  config = dataclasses.replace(game24.Config(), **{field: "/no/such/file"})
  with pytest.raises(errors.UserError) as told:
    game24.Game24(config)
  assert str(told.value) == f"/no/such/file: no such file (field task.{field})"


def test_puzzle_file_that_is_a_folder_or_no_text(tmp_path):
  with pytest.raises(errors.UserError, match="cannot be read"):
    game24.Game24(game24.Config(exclude=str(tmp_path)))
  (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
  with pytest.raises(errors.UserError, match="cannot be read"):
    game24.Game24(game24.Config(exclude=str(tmp_path / "binary")))


@pytest.mark.parametrize("shares", [(0, 0), (-1, 2), (2, -1)])
def test_bad_shares(shares):
  with pytest.raises(errors.UserError, match=r"task\.num_solutions"):
    game24.Game24(game24.Config("", "", *shares))
