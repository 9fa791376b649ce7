"""Moves, step text and expressions, by hand and by brute force."""

import fractions

import hypothesis
import pytest
from hypothesis import strategies as st

from prm_jax.tasks import arithmetic, expressions

F = fractions.Fraction
GAME = arithmetic.Rules(target=24, use_all=True)
ANY = arithmetic.Rules(target=24, use_all=False, domain="natural")
START = (4, 9, 10, 13)


@pytest.mark.parametrize(
  ("left", "operator", "right", "result"),
  [
    (13, "-", 9, 4),
    (9, "-", 13, -4),
    (8, "/", 3, F(8, 3)),
    (8, "/", 4, 2),
    (-7, "/", 2, F(-7, 2)),
    (0, "/", 5, 0),
    (5, "/", 0, None),
    (F(1, 3), "+", F(2, 3), 1),
    (8, "/", F(1, 3), 24),
    (F(3, 2), "*", 4, 6),
  ],
)
def test_apply_operator(left, operator, right, result):
  found = arithmetic.apply_operator(left, operator, right)
  assert found == result
  assert type(found) is type(result)


@pytest.mark.parametrize(
  "text",
  ["04", "8/6", "4/2", "-0", "0/5", "8/0", "+3", "1.5", "", "9" * 19, "٣"],
)
def test_numbers_have_one_form(text):
  assert arithmetic.parse_number(text) is None


@hypothesis.given(st.one_of(st.integers(-999, 999), st.fractions(-99, 99)))
def test_numbers_round_trip(number):
  hypothesis.assume(number.denominator < 10**18)
  assert arithmetic.parse_number(str(number)) == number


@hypothesis.given(
  st.lists(st.integers(0, 13), min_size=2, max_size=5).map(sorted).map(tuple),
  st.data(),
)
def test_legal_moves_are_judged_right_and_nothing_near_them(state, data):
  moves = arithmetic.legal_moves(state, GAME)
  move = data.draw(st.sampled_from(moves))
  text = arithmetic.format_move(move)
  assert arithmetic.parse_step(text) == move
  assert arithmetic.judge_step(state, text, GAME) == (move.numbers_left, "")
  wrong = move._replace(result=move.result + 1)
  after, reason = arithmetic.judge_step(
    state, arithmetic.format_move(wrong), GAME
  )
  assert after is None
  assert reason


@pytest.mark.parametrize(
  ("step", "part"),
  [
    ("13 - 9 = 5 | 4 5 10", "13 - 9 is 4, not 5"),
    ("13 - 9 = 4 | 4 10 4", "the numbers left are 4 4 10, not 4 10 4"),
    ("13 - 9 = 4 | 4 10", "the numbers left are 4 4 10"),
    ("13 - 9 = 4 | 4 4 9 10", "the numbers left are 4 4 10"),
    ("7 - 9 = -2 | -2 4", "7 and 9 are not both among 4 9 10 13"),
    ("9 - 9 = 0 | 0 4 10 13", "9 and 9 are not both among"),
    ("13 - 9 = 4", "is not of the form"),
    ("13 - 9 = 4 |", "is not of the form"),
    ("13 - 9 = 4 | ", "is not of the form"),
    ("13 ^ 9 = 4 | 4 4 10", "is not of the form"),
    ("13 - 9 = 04 | 4 4 10", "is not of the form"),
    ("", "is not of the form"),
    ("x", "is not of the form"),
  ],
)
def test_wrong_steps_are_told(step, part):
  after, reason = arithmetic.judge_step(START, step, GAME)
  assert after is None
  assert part in reason
  assert "\n" not in reason


def test_division_by_zero_is_told():
  found = arithmetic.judge_step((0, 5), "5 / 0 = 0 | 0", GAME)
  assert found == (None, "5 / 0 divides by zero")


@pytest.mark.parametrize(
  ("domain", "largest", "allowed"),
  [
    ("rational", None, {-100, -4, F(1, 2), 0, 4, 100}),
    ("integer", None, {-100, -4, 0, 4, 100}),
    ("natural", None, {0, 4, 100}),
    ("integer", 9, {-4, 0, 4}),
    ("rational", 9, {-4, F(1, 2), 0, 4}),
  ],
)
def test_domains(domain, largest, allowed):
  rules = arithmetic.Rules(24, True, domain, largest)
  numbers = {-100, -4, F(1, 2), 0, 4, 100}
  assert {n for n in numbers if rules.allows(n)} == allowed


def test_steps_outside_the_domain_are_told():
  found = arithmetic.judge_step((4, 9), "4 - 9 = -5 | -5", ANY)
  assert found == (None, "4 - 9 = -5 is not allowed")


def test_moves_written_alike_count_once():
  """4 4: one of each operator; 4 5: both orders of each."""
  moves = arithmetic.legal_moves((4, 4), GAME)
  assert [(m.operator, m.result) for m in moves] == [
    ("+", 8),
    ("-", 0),
    ("*", 16),
    ("/", 1),
  ]
  assert len(arithmetic.legal_moves((4, 5), GAME)) == 8
  assert len(arithmetic.legal_moves((0, 5), GAME)) == 7


def test_no_moves_after_a_win():
  assert arithmetic.legal_moves((3, 24), ANY) == ()
  assert len(arithmetic.legal_moves((3, 24), GAME)) == 8
  step = "24 - 3 = 21 | 21"
  after, reason = arithmetic.judge_step((3, 24), step, ANY)
  assert (after, reason) == (None, "24 was already reached")


@pytest.mark.parametrize(
  ("numbers", "steps", "expression"),
  [
    (
      START,
      ["13 - 9 = 4 | 4 4 10", "10 - 4 = 6 | 4 6", "4 * 6 = 24 | 24"],
      "4 * (9 + 10 - 13)",
    ),
    (
      (3, 3, 8, 8),
      ["8 / 3 = 8/3 | x", "3 - 8/3 = 1/3 | x", "8 / 1/3 = 24 | x"],
      None,  # the list of numbers left is malformed
    ),
    (
      (3, 3, 8, 8),
      ["8 / 3 = 8/3 | 0", "3 - 8/3 = 1/3 | 0", "8 / 1/3 = 24 | 0"],
      "8 / (3 - (8 / 3))",
    ),
    ((2, 12), ["12 * 2 = 24 | 24"], "2 * 12"),
    ((2, 12), ["2 * 12 = 25 | 1"], "2 * 12"),
    ((2, 12), ["3 * 8 = 24 | 24"], None),
    ((2, 12), ["2 * 2 = 4 | 4 12"], None),
    ((2, 12), ["2 + 12 = 14 | 14", "14 + 10 = 24 | 24"], None),
    ((2, 12), [], None),
  ],
)
def test_compose(numbers, steps, expression):
  found = expressions.compose(numbers, steps)
  assert (found and found[0]) == expression


@pytest.mark.parametrize(
  ("steps", "same"),
  [
    (["1 + 2 = 3 | 0", "3 + 7 = 10 | 0"], ["7 + 2 = 9 | 0", "1 + 9 = 10 | 0"]),
    (["7 - 2 = 5 | 0", "5 - 1 = 4 | 0"], ["2 + 1 = 3 | 0", "7 - 3 = 4 | 0"]),
    (["7 - 2 = 5 | 0", "5 + 1 = 6 | 0"], ["2 - 1 = 1 | 0", "7 - 1 = 6 | 0"]),
    (
      ["7 * 2 = 14 | 0", "14 / 1 = 14 | 0"],
      ["7 / 1 = 7 | 0", "2 * 7 = 14 | 0"],
    ),
  ],
)
def test_equal_solutions_have_one_expression(steps, same):
  one = expressions.compose((1, 2, 7), steps)
  assert one is not None
  assert one == expressions.compose((1, 2, 7), same)


def evaluate(text):
  """Exact value of an expression of our own making (digits and + - * /)."""
  words = text.replace("(", "( ").replace(")", " )").split()
  return eval("".join(f"F({w})" if w.isdigit() else w for w in words))


@hypothesis.given(
  st.lists(st.integers(1, 13), min_size=2, max_size=5).map(sorted).map(tuple),
  st.data(),
)
def test_an_expression_is_worth_the_last_result(state, data):
  numbers, steps, move = state, [], None
  while len(state) > 1:
    moves = arithmetic.legal_moves(state, GAME)
    if not moves:
      break
    move = data.draw(st.sampled_from(moves))
    steps.append(arithmetic.format_move(move))
    state = move.numbers_left
  composed = expressions.compose(numbers, steps)
  if move is not None:
    assert composed is not None
    assert composed[1] == state
    assert evaluate(composed[0]) == move.result
