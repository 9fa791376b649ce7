"""The expression that a list of steps amounts to, in one canonical form.

Sums and products are flattened and their terms sorted, so that solutions
which differ only in the order of their steps or operands vote together.
"""

import functools
from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

from prm_jax.tasks import arithmetic
from prm_jax.tasks.arithmetic import Number, State

Kind: TypeAlias = Literal["number", "sum", "product"]


class Expression(NamedTuple):
  """A number, a sum or a product.

  Attributes:
    kind: which of the three.
    plain: terms added, or factors multiplied; the digits for a number.
    inverse: terms subtracted, or factors divided by.
  """

  kind: Kind
  plain: tuple[str, ...]
  inverse: tuple[str, ...] = ()

  def __str__(self) -> str:
    if self.kind == "number":
      return self.plain[0]
    join, inverse = (" + ", " - ") if self.kind == "sum" else (" * ", " / ")
    return inverse.join([join.join(self.plain), *self.inverse])


Hand: TypeAlias = tuple[tuple[Number, Expression], ...]


def compose(numbers: State, steps: Sequence[str]) -> tuple[str, State] | None:
  """The expression of the last step's result and the numbers then left.

  Results count as written, right or wrong. Of equal numbers the one with the
  first expression in sorting order is used. None if a step is malformed or
  takes a number that is not there, or if there is no step.
  """
  hand: Hand | None = tuple((n, _number(n)) for n in numbers)
  for step in steps:
    hand = hand and _play(hand, step)
  if hand is None or not steps:
    return None
  return str(hand[-1][1]), tuple(sorted(number for number, _ in hand))


@functools.lru_cache(maxsize=1 << 16)
def _play(hand: Hand, step: str) -> Hand | None:
  """The hand after the step, its result last; cached, as prefixes repeat."""
  move = arithmetic.parse_step(step)
  if move is None:
    return None
  rest = list(hand)
  operands = []
  for number in (move.left, move.right):
    held = [e for n, e in rest if n == number]
    if not held:
      return None
    operand = held[0] if len(held) == 1 else min(held, key=str)
    rest.remove((number, operand))
    operands.append(operand)
  result = _combine(operands[0], move.operator, operands[1])
  return (*rest, (move.result, result))


def _number(number: Number) -> Expression:
  return Expression("number", (str(number),))


def _combine(
  left: Expression, operator: arithmetic.Operator, right: Expression
) -> Expression:
  kind: Kind = "sum" if operator in "+-" else "product"
  plain, inverse = _terms(left, kind)
  more_plain, more_inverse = _terms(right, kind)
  if operator in "-/":
    more_plain, more_inverse = more_inverse, more_plain
  return Expression(
    kind,
    tuple(sorted((*plain, *more_plain), key=_order)),
    tuple(sorted((*inverse, *more_inverse), key=_order)),
  )


def _terms(
  expression: Expression, kind: Kind
) -> tuple[tuple[str, ...], tuple[str, ...]]:
  if expression.kind == kind:
    return expression.plain, expression.inverse
  if expression.kind == "number":
    return expression.plain, ()
  return (f"({expression})",), ()


def _order(term: str) -> tuple[int, int, str]:
  """Numbers by size, then bracketed terms by length and text."""
  number = int(term) if term.isdigit() else 0
  return (0, number, "") if term.isdigit() else (1, len(term), term)
