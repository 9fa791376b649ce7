"""Exact answers to sums that a verifier writes down, in a task's arithmetic."""

import fractions
import re
from collections.abc import Callable, Mapping

from prm_jax import errors
from prm_jax.tasks import base

_NUMBER = re.compile("-?[0-9]{1,9}(/[1-9][0-9]{0,8})?")


def calculate(expression: str) -> fractions.Fraction | None:
  """Of numbers with + - * / between them, words parted by blanks.

  Products go before sums. None if it is something else, or divides by 0.
  """
  words = expression.split()
  if len(words) % 2 == 0:
    return None
  if not all(_NUMBER.fullmatch(word) for word in words[::2]):
    return None
  total, term = fractions.Fraction(0), fractions.Fraction(words[0])
  for operator, word in zip(words[1::2], words[2::2], strict=True):
    number = fractions.Fraction(word)
    if operator == "*":
      term *= number
    elif operator == "/" and number:
      term /= number
    elif operator in ("+", "-"):
      total, term = total + term, number if operator == "+" else -number
    else:
      return None
  return total + term


def _exact(problem: base.Problem, value: fractions.Fraction) -> str | None:
  del problem
  return str(value)


def _residue(problem: base.Problem, value: fractions.Fraction) -> str | None:
  """Modulo the number that the prompt begins with."""
  modulus, _, rest = problem.prompt.partition(" :")
  if value.denominator != 1 or not rest or not modulus.isdigit():
    return None
  return str(int(value) % int(modulus)) if int(modulus) else None


ANSWERS: Mapping[str, Callable[[base.Problem, fractions.Fraction], str | None]]
ANSWERS = {"chain": _residue, "game24": _exact, "countdown": _exact}


def answer(problem: base.Problem, expression: str) -> str | None:
  """What the expression comes to in the problem's task; None: nothing.

  Raises:
    UserError: the task has no calculator.
  """
  if problem.task not in ANSWERS:
    raise errors.UserError(
      f"problem {problem.id}: task {problem.task!r} has no exact calculator, "
      f"only {', '.join(ANSWERS)} have"
    )
  value = calculate(expression)
  return None if value is None else ANSWERS[problem.task](problem, value)
