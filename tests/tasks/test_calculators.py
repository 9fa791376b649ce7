"""Sums in the arithmetic of the tasks."""

import fractions

import pytest

from prm_jax import errors
from prm_jax.data import records
from prm_jax.tasks import calculators


@pytest.mark.parametrize(
  ("expression", "want"),
  [
    ("3 + 4", 7),
    ("8 / 3 * 6 - 2", 14),
    ("2 - 3 * -4 + 1/2", fractions.Fraction(29, 2)),
    ("5", 5),
    ("8 / 0", None),
    ("8 +", None),
    ("", None),
    ("2 ** 9", None),
    ("__import__ + 1", None),
  ],
)
def test_by_hand(expression, want):
  assert calculators.calculate(expression) == want


def test_each_task_has_its_own_arithmetic():
  chain = records.Problem("p", "chain", "10 : 3 + 4 + 7 :", "4")
  assert calculators.answer(chain, "3 + 4 + 7") == "4"
  assert calculators.answer(chain, "8 / 3") is None
  assert calculators.answer(chain, "= 4") is None
  game = records.Problem("q", "game24", "3 3 8 8 :", "24")
  assert calculators.answer(game, "8 / 3") == "8/3"
  other = records.Problem("r", "questions", "?", "1")
  with pytest.raises(errors.UserError, match="no exact calculator"):
    calculators.answer(other, "1 + 1")
