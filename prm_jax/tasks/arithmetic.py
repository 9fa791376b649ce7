"""Exact numbers, moves and step text shared by game24 and countdown.

A state is the ascending tuple of the numbers at hand. A move takes two of
them and puts back one result; written down it is the step
`13 - 9 = 4 | 4 4 10`, with the numbers left, ascending, after the bar.
"""

import dataclasses
import fractions
import functools
import re
from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

# An integral value is always an int, so that states compare and hash alike.
Number: TypeAlias = int | fractions.Fraction
State: TypeAlias = tuple[Number, ...]
Operator: TypeAlias = Literal["+", "-", "*", "/"]

OPERATORS: tuple[Operator, ...] = ("+", "-", "*", "/")
_NUMBER = re.compile(r"-?[0-9]{1,18}(/[0-9]{1,18})?")


@dataclasses.dataclass(frozen=True)
class Rules:
  """What counts as a legal move and as a win.

  Attributes:
    target: the number to reach.
    use_all: whether every number must be used (game24) or not (countdown).
    domain: results that are allowed; `natural` starts at zero.
    largest: bound on the results' magnitude, or None.
  """

  target: int
  use_all: bool
  domain: Literal["rational", "integer", "natural"] = "rational"
  largest: int | None = None

  def allows(self, result: Number) -> bool:
    if self.domain != "rational" and result.denominator != 1:
      return False
    if self.domain == "natural" and result.numerator < 0:
      return False
    return self.largest is None or -self.largest <= result <= self.largest

  def won(self, state: State) -> bool:
    return self.target in state and (len(state) == 1 or not self.use_all)


class Move(NamedTuple):
  """`left operator right = result`, and the numbers then at hand."""

  left: Number
  operator: Operator
  right: Number
  result: Number
  numbers_left: State


def apply_operator(
  left: Number, operator: Operator, right: Number
) -> Number | None:
  """The exact result; None for a division by zero."""
  if operator == "+":
    result = left + right
  elif operator == "-":
    result = left - right
  elif operator == "*":
    result = left * right
  elif right == 0:
    return None
  elif isinstance(left, int) and isinstance(right, int) and left % right == 0:
    return left // right
  else:
    result = fractions.Fraction(left) / right
  return result if isinstance(result, int) else simplify(result)


def simplify(number: Number) -> Number:
  return int(number) if number.denominator == 1 else number


@functools.lru_cache(maxsize=1 << 14)
def parse_number(text: str) -> Number | None:
  """The number, or None unless it is written in its one canonical form."""
  if not _NUMBER.fullmatch(text):
    return None
  head, _, tail = text.partition("/")
  if tail and int(tail) == 0:
    return None
  number = simplify(fractions.Fraction(int(head), int(tail or 1)))
  return number if str(number) == text else None


def format_numbers(numbers: Sequence[Number]) -> str:
  return " ".join(map(str, numbers))


def format_move(move: Move) -> str:
  left = format_numbers(move.numbers_left)
  return f"{move.left} {move.operator} {move.right} = {move.result} | {left}"


@functools.lru_cache(maxsize=1 << 16)
def parse_step(text: str) -> Move | None:
  """The move as written, right or wrong; None if it is not of that form."""
  words = text.split(" ")
  if len(words) < 7 or words[3] != "=" or words[5] != "|":
    return None
  operator = next((o for o in OPERATORS if o == words[1]), None)
  numbers = [
    parse_number(word) for word in (words[0], words[2], words[4], *words[6:])
  ]
  if operator is None or any(number is None for number in numbers):
    return None
  left, right, result, *rest = (n for n in numbers if n is not None)
  return Move(left, operator, right, result, tuple(rest))


@functools.lru_cache(maxsize=1 << 16)
def legal_moves(state: State, rules: Rules) -> tuple[Move, ...]:
  """Every distinct legal step: ordered operands by value, then operator.

  None after a win or when fewer than two numbers are left.
  """
  if rules.won(state):
    return ()
  moves = {}
  for first in range(len(state)):
    for second in range(len(state)):
      if first == second:
        continue
      rest = [n for i, n in enumerate(state) if i not in (first, second)]
      for operator in OPERATORS:
        key = (state[first], operator, state[second])
        result = apply_operator(*key)
        if key in moves or result is None or not rules.allows(result):
          continue
        moves[key] = Move(*key, result, tuple(sorted([*rest, result])))
  return tuple(moves.values())


@functools.lru_cache(maxsize=1 << 18)
def judge_step(
  state: State, text: str, rules: Rules
) -> tuple[State | None, str]:
  """The state after a right step, or None and what is wrong with it."""
  move = parse_step(text)
  if move is None:
    return None, f"{text!r} is not of the form 'a + b = c | numbers left'"
  if rules.won(state):
    return None, f"{rules.target} was already reached"
  rest = take(state, move.left, move.right)
  if rest is None:
    return None, (
      f"{move.left} and {move.right} are not both among {format_numbers(state)}"
    )
  equation = f"{move.left} {move.operator} {move.right}"
  result = apply_operator(move.left, move.operator, move.right)
  if result is None:
    return None, f"{equation} divides by zero"
  if result != move.result:
    return None, f"{equation} is {result}, not {move.result}"
  if not rules.allows(result):
    return None, f"{equation} = {result} is not allowed"
  after = tuple(sorted((*rest, result)))
  if after != move.numbers_left:
    return None, (
      f"the numbers left are {format_numbers(after)}, not "
      f"{format_numbers(move.numbers_left)}"
    )
  return after, ""


def take(state: State, *numbers: Number) -> State | None:
  """The state without the numbers, or None if one is not there."""
  rest = list(state)
  for number in numbers:
    if number not in rest:
      return None
    rest.remove(number)
  return tuple(rest)


def replay(state: State, steps: Sequence[str], rules: Rules) -> State | None:
  """The state after the steps; None as soon as one of them is wrong."""
  after: State | None = state
  for step in steps:
    if after is None:
      return None
    after, _ = judge_step(after, step, rules)
  return after
