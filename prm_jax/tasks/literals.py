r"""Answers that can be compared without algebra: numbers, words, bases.

Rules are conservative: a form that is not known here is left to the symbolic
grader, and whatever is decided here is decided exactly.

  `1,000`, `\$18.90`, `\frac43`, `137\frac12`, `.5`, `50\%`, `90^\circ`,
  `5.4\text{ cents}`: exact rationals with a unit. A unit that one side lacks
    does not matter, two different ones do. `50\%` is 50 and 1/2 alike.
  `\text{Evelyn}`, `east`, `\text{(C)}`: words, compared letter by letter: as
    algebra, a word would equal its anagrams.
  `52_8`: digits and base; a base that one side lacks does not matter.
"""

import fractions
import re
from typing import NamedTuple

# Signs that only space out or style an answer.
_STYLE = re.compile(
  r"(?<!\\)\\[!,;: ]\s*|~|\u202f"
  r"|\\(?:left|right|displaystyle|quad|qquad)(?![A-Za-z])"
)
_FRACTION = re.compile(r"\\[dtc]?frac(?![A-Za-z])")
_SHORT_ARGUMENTS = re.compile(r"\\frac\s*(\d|\{[^{}]*\})\s*(\d|\{[^{}]*\})")
_WRAPPED = r"\\(?:text|mbox|textbf|textit|textrm|mathrm|mathbf|operatorname)"
_TEXT = re.compile(_WRAPPED + r"\s*\{([^{}]*)\}")
_DIGITS = r"\d{1,3}(?:,\d{3})+|\d+"
_NUMBER = re.compile(
  r"(?P<sign>[+-]?)\s*\\?\$?\s*(?P<minus>-?)\s*(?:"
  rf"(?P<whole>{_DIGITS})?\s*\\frac\{{(?P<top>-?\d+)\}}\{{(?P<below>-?\d+)\}}"
  rf"|(?P<left>{_DIGITS})\s*/\s*(?P<right>\d+)"
  rf"|(?P<decimal>(?:{_DIGITS})\.?\d*|\.\d+))"
  r"\s*(?P<unit>.*)",
  re.DOTALL,
)
_UNIT = re.compile(
  r"(?:\\?%|\\?\$|°|\^\s*\\circ|\^\{\s*\\circ\s*\}|"
  rf"(?:{_WRAPPED}\s*\{{[^{{}}]*\}}|[A-Za-z]{{2,}}[A-Za-z ]*)"
  r"(?:\^(?:\d|\{\d\}))?|)\.?"
)
_BASE = re.compile(r"(?P<digits>[0-9A-Za-z]+)_\{?(?P<base>\d+)\}?")
_WORDS = re.compile(r"[A-Za-z]{3,}(?:[ '-][A-Za-z]+)*")
_FUNCTIONS = ("sin", "cos", "tan", "cot", "sec", "csc", "log", "exp", "sqrt")
_MOST_DIGITS = 4000  # Python reads no longer ones

_LARGEST_SHARE = fractions.Fraction(1, 10**6)


class Quantity(NamedTuple):
  """An exact number as written.

  Attributes:
    value: without the unit.
    unit: "" if there is none.
    decimal: written with a decimal point.
  """

  value: fractions.Fraction
  unit: str
  decimal: bool


def normalise(text: str) -> str:
  """The same answer without spacing, styles and dollar signs around it."""
  text = _STYLE.sub("", text.strip())
  text = text.replace("\u2212", "-").replace("\n", " ").strip()
  while len(text) > 1 and text[0] == text[-1] == "$":
    text = text[1:-1].strip()
  text = _FRACTION.sub(r"\\frac", text.strip("$ "))
  text = _SHORT_ARGUMENTS.sub(_braced, text)
  return re.sub(r"\s+", " ", text).removesuffix(".").strip()


def quantity(text: str) -> Quantity | None:
  """The number, or None if the normalised text is none by itself."""
  match = _NUMBER.fullmatch(text)
  if match is None or len(text) > _MOST_DIGITS:
    return None
  unit = match["unit"]
  if not _UNIT.fullmatch(unit):
    return None
  if match["decimal"] is not None:
    value = fractions.Fraction(match["decimal"].replace(",", ""))
  else:
    below = int(match["below"] or match["right"])
    if below == 0:
      return None
    top = int((match["top"] or match["left"]).replace(",", ""))
    whole = int((match["whole"] or "0").replace(",", ""))
    value = whole + fractions.Fraction(top, below)
  if (match["sign"] == "-") != (match["minus"] == "-"):
    value = -value
  return Quantity(value, _unit_name(unit), "." in (match["decimal"] or ""))


def words(text: str) -> str | None:
  """The words in small letters, or None if the text is no mere words."""
  wrapped = _TEXT.fullmatch(text)
  bare = re.sub(r"\s+", " ", wrapped[1] if wrapped else text).strip()
  if wrapped is None and (
    not _WORDS.fullmatch(bare) or bare.lower().startswith(_FUNCTIONS)
  ):
    return None
  return bare.strip("() .").casefold()


def in_base(text: str) -> tuple[str, str] | None:
  """(digits, base), the base "" where it is not written."""
  match = _BASE.fullmatch(text)
  return (match["digits"], match["base"]) if match else None


def same(gold: str, answer: str) -> bool | None:
  """Whether two normalised answers are equal; None: algebra has to tell."""
  if gold == answer:
    return True
  bases = in_base(gold), in_base(answer)
  if any(bases):
    (a, left), (b, right) = (
      base or (text, "")
      for base, text in zip(bases, (gold, answer), strict=True)
    )
    return a == b and (left == right or "" in (left, right))
  texts = words(gold), words(answer)
  if any(texts):
    a, b = (
      found or text.strip("() .").casefold()
      for found, text in zip(texts, (gold, answer), strict=True)
    )
    return a == b
  left_number, right_number = quantity(gold), quantity(answer)
  if left_number is None or right_number is None:
    return None
  return _same_quantity(left_number, right_number)


def canonical(text: str) -> str | None:
  """One form for all answers that `same` takes for the same, but for units.

  None where algebra has to tell.
  """
  if in_base(text):
    return text.replace("{", "").replace("}", "")
  found = words(text)
  if found is not None:
    return found
  number = quantity(text)
  if number is None:
    return None
  return f"{number.value}%" if number.unit == "%" else str(number.value)


def _same_quantity(gold: Quantity, answer: Quantity) -> bool:
  units = {gold.unit, answer.unit} - {""}
  if len(units) > 1:
    return False
  factors = [fractions.Fraction(1)]
  if "%" in units and gold.unit != answer.unit:
    factors.append(fractions.Fraction(100))
  percent, plain = sorted((gold, answer), key=lambda q: q.unit != "%")
  return any(
    _same_value(percent, plain._replace(value=plain.value * factor))
    for factor in factors
  )


def _same_value(first: Quantity, second: Quantity) -> bool:
  """Exact, or a fraction against six digits of its endless decimals."""
  if first.value == second.value:
    return True
  if first.decimal == second.decimal:
    return False
  decimal, exact = (first, second) if first.decimal else (second, first)
  if _terminates(exact.value.denominator):
    return False
  return abs(decimal.value - exact.value) <= abs(exact.value) * _LARGEST_SHARE


def _terminates(denominator: int) -> bool:
  for factor in (2, 5):
    while denominator % factor == 0:
      denominator //= factor
  return denominator == 1


def _braced(match: re.Match[str]) -> str:
  top, below = (part.strip("{}").strip() for part in match.groups())
  return rf"\frac{{{top}}}{{{below}}}"


def _unit_name(unit: str) -> str:
  """One name per unit: `\\mbox{ inches}^2` is `inch^2`."""
  if "%" in unit:
    return "%"
  if "circ" in unit or "°" in unit:
    return "degree"
  text = _TEXT.sub(r"\1", unit).rstrip(".").strip().casefold()
  name, sign, power = text.partition("^")
  name = name.strip()
  for plural, single in (("inches", "inch"), ("feet", "foot")):
    name = name.replace(plural, single)
  name = name.removesuffix("s") if len(name) > 2 else name
  return name + sign + power.strip("{}")
