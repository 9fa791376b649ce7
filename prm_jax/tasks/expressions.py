"""The expression that a list of steps amounts to, in one canonical form.

Sums and products are flattened and their terms sorted, so that solutions
which differ only in the order of their steps or operands vote together.
"""

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


def compose(numbers: State, steps: Sequence[str]) -> tuple[str, State] | None:
  """The expression of the last step's result and the numbers then left.

  Results count as written, right or wrong. Of equal numbers the one with the
  first expression in sorting order is used. None if a step is malformed or
  takes a number that is not there, or if there is no step.
  """
  hand = [(n, Expression("number", (str(n),))) for n in numbers]
  result = None
  for step in steps:
    move = arithmetic.parse_step(step)
    left = move and _draw(hand, move.left)
    right = move and _draw(hand, move.right)
    if move is None or left is None or right is None:
      return None
    result = _combine(left, move.operator, right)
    hand.append((move.result, result))
  if result is None:
    return None
  return str(result), tuple(sorted(number for number, _ in hand))


def _draw(
  hand: list[tuple[Number, Expression]], number: Number
) -> Expression | None:
  """Takes an expression of that value out of the hand."""
  found = min((e for n, e in hand if n == number), key=str, default=None)
  if found is not None:
    hand.remove((number, found))
  return found


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
