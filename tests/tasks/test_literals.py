"""Numbers, words and lists that are compared without algebra."""

import fractions

import pytest

from prm_jax.tasks import forms, literals


def same(gold, answer):
  return forms.same(literals.normalise(gold), literals.normalise(answer))


@pytest.mark.parametrize(
  ("text", "value", "unit"),
  [
    ("18", "18", ""),
    ("-5", "-5", ""),
    ("1,000", "1000", ""),
    (r"\$32,\!348", "32348", ""),
    ("-$5", "-5", ""),
    ("$-5$", "-5", ""),
    (r"11,\! 111,\! 111,\! 100", "11111111100", ""),
    (".0000672", "21/312500", ""),
    ("3.", "3", ""),
    (r"\frac43", "4/3", ""),
    (r"\frac 59", "5/9", ""),
    (r"\frac9{19}", "9/19", ""),
    (r"-\dfrac{17}{50}", "-17/50", ""),
    (r"\frac{-1}{2}", "-1/2", ""),
    (r"1\frac{4}{5}", "9/5", ""),
    (r"-137 \frac{1}{2}", "-275/2", ""),
    ("7/3", "7/3", ""),
    (r"50\%", "50", "%"),
    (r"90^\circ", "90", "degree"),
    (r"90^{\circ}", "90", "degree"),
    (r"\frac{270}7\text{ degrees}", "270/7", "degree"),
    (r"5.4 \text{ cents}", "27/5", "cent"),
    (r"864 \mbox{ inches}^2", "864", "inch^2"),
    ("18 dollars", "18", "dollar"),
  ],
)
def test_quantities(text, value, unit):
  found = literals.quantity(literals.normalise(text))
  assert found is not None
  assert (found.value, found.unit) == (fractions.Fraction(value), unit)


@pytest.mark.parametrize(
  "text",
  [
    *("", "{", "x", "2x", "1,2", "1,00", "1/0", r"\frac{1}{0}", "2^3"),
    *("9**9", r"\sqrt2", "(1)", "1 2", "--1+", "1e5", "2 or 3", "9" * 5000),
  ],
)
def test_no_quantity(text):
  assert literals.quantity(literals.normalise(text)) is None


@pytest.mark.parametrize(
  ("gold", "answer", "is_same"),
  [
    ("1/2", "0.5", True),
    ("1/3", "0.333333", True),
    ("1/3", "0.3333", False),
    ("0.5", "0.500001", False),
    ("0.0000001", "0.0000002", False),
    ("10", "1", False),
    ("18", "18.00", True),
    (r"50\%", "0.5", True),
    (r"50\%", "50", True),
    (r"50\%", r"0.5\%", False),
    (r"10\text{ cm}", "10", True),
    (r"10\text{ cm}", r"10\text{ cm}^2", False),
    ("10 inches", "10 inch", True),
    (r"\text{Evelyn}", "Evelyn", True),
    (r"\text{Evelyn}", "nylevE", False),
    (r"\text{(C)}", "C", True),
    (r"\text{(C)}", "(D)", False),
    ("seven", "7", False),
    ("x", r"\text{x}", True),
    ("52_8", "52_{8}", True),
    ("52_8", "52", True),
    ("52_8", "52_7", False),
    ("52_8", "42_8", False),
    ("x=5", "5", True),
    ("5", "x=5", True),
    ("x=5", "y=5", None),
    (r"x \in [-2,7]", "[-2,7]", True),
    (r"x \in [-2,7]", "(-2,7)", False),
    ("(1,2)", "[1,2]", False),
    ("(3,4]", "(3,4]", True),
    ("(15,-29)", "(-29,15)", False),
    (r"\left(\frac{3}{5},\frac{8}{3}\right]", "(0.6, 8/3]", True),
    ("1,-2", "-2, 1", True),
    (r"\{1,2\}", "2, 1", True),
    ("3,5,7", "3,5", False),
    ("3,5", "3,5,7", False),
    ("1,2,3", "(1,2,3)", None),
    ("(1, x)", "(1, y)", None),
    ("(1, x)", "(2, y)", False),
    (r"\cot x", "cot x", None),
    (r"(0,9) \cup (9,36)", r"(0,9) \cup (9,37)", None),
  ],
)
def test_same(gold, answer, is_same):
  assert same(gold, answer) is is_same


@pytest.mark.parametrize(
  "group",
  [
    ("1/2", "0.5", r"\frac12", r"$\dfrac{1}{2}$", r"x = \frac{1}{2}"),
    (r"\text{East}", "east", "east."),
    (r"\{1, 2\}", "2,1", "1, 2, 2"),
    ("(1, 0.5)", r"\left( 1, \frac{1}{2} \right)"),
    (r"50\%", "50%"),
    ("1,000", "1000", r"\$1000"),
  ],
)
def test_one_canonical_form(group):
  forms_found = {forms.canonical(literals.normalise(text)) for text in group}
  assert len(forms_found) == 1
  assert None not in forms_found


def test_algebra_has_no_cheap_form():
  assert forms.canonical("2x+1") is None
  assert forms.canonical("(1, 2x)") is None
