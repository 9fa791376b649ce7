r"""Generated algebra with perturbed variants, paired with their seeds.

After ASyMOB (arXiv 2505.23851), which asks what a change of a problem that
leaves its idea alone costs. A seed problem has small whole coefficients; its
variants are

  numeric_one: one coefficient is another, larger number;
  numeric_all: all of them are;
  symbolic: all are letters, and so is the answer;
  equivalence: one coefficient is written in a longer way that equals it, and
    the answer is the seed's.

Every answer is unique, an exact rational or a formula in the letters, as the
problems of RIMO (arXiv 2509.07711) have one whole number each; `grading`
compares them.
"""

import fractions
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias, get_args

import numpy as np

from prm_jax import errors
from prm_jax.tasks import base

NAME = "perturbed_algebra"
Kind: TypeAlias = Literal[
  "seed", "numeric_one", "numeric_all", "symbolic", "equivalence"
]
KINDS: tuple[Kind, ...] = get_args(Kind)
_LETTERS = "pqrs"
_SMALL, _LARGE = (2, 10), (11, 100)


class Family(NamedTuple):
  """Problems of one form.

  Attributes:
    text: with {0}, {1}, ... for the coefficients.
    formula: the answer in LaTeX, likewise.
    solve: the answer from the coefficients.
    size: number of coefficients.
  """

  text: str
  formula: str
  solve: Callable[..., fractions.Fraction]
  size: int


def _ratio(top: int, below: int = 1) -> fractions.Fraction:
  return fractions.Fraction(top, below)


FAMILIES: Mapping[str, Family] = {
  "linear": Family(
    "Solve ${0} x + {1} = {2}$ for $x$.",
    r"\frac{{ {2} - {1} }}{{ {0} }}",
    lambda a, b, c: _ratio(c - b, a),
    3,
  ),
  "root_sum": Family(
    "What is the sum of the roots of ${0} x^2 + {1} x - {2} = 0$?",
    r"-\frac{{ {1} }}{{ {0} }}",
    lambda a, b, c: _ratio(-b, a),
    3,
  ),
  "determinant": Family(
    r"Compute the determinant of $\begin{{pmatrix}} {0} & {1} \\ {2} & {3} "
    r"\end{{pmatrix}}$.",
    "{0} \\cdot {3} - {1} \\cdot {2}",
    lambda a, b, c, d: _ratio(a * d - b * c),
    4,
  ),
  "integral": Family(
    r"Compute $\int_0^{{ {0} }} \left( {1} x + {2} \right) dx$.",
    r"\frac{{ {1} \cdot {0}^2 }}{{2}} + {2} \cdot {0}",
    lambda a, b, c: _ratio(b * a * a, 2) + c * a,
    3,
  ),
  "slope": Family(
    "What is the slope of $f(x) = {0} x^3 + {1} x$ at $x = {2}$?",
    r"3 \cdot {0} \cdot {2}^2 + {1}",
    lambda a, b, c: _ratio(3 * a * c * c + b),
    3,
  ),
  "geometric_sum": Family(
    r"Compute $\sum_{{k=0}}^{{\infty}} {0} \left( \frac{{1}}{{ {1} }} "
    r"\right)^k$ where ${1} > 1$.",
    r"\frac{{ {0} \cdot {1} }}{{ {1} - 1 }}",
    lambda a, b: _ratio(a * b, b - 1),
    2,
  ),
  "arithmetic_sum": Family(
    r"Compute $\sum_{{k=1}}^{{ {0} }} \left( {1} + {2} k \right)$.",
    r"{0} \cdot {1} + \frac{{ {2} \cdot {0} \cdot ({0} + 1) }}{{2}}",
    lambda a, b, c: _ratio(a * b) + _ratio(c * a * (a + 1), 2),
    3,
  ),
  "limit": Family(
    r"Compute $\lim_{{x \to \infty}} \frac{{ {0} x^2 + {1} x }}{{ {2} x^2 + 1 "
    r"}}$.",
    r"\frac{{ {0} }}{{ {2} }}",
    lambda a, b, c: _ratio(a, c),
    3,
  ),
  "product_term": Family(
    r"What is the coefficient of $x$ in $({0} x + {1})({2} x + {3})$?",
    r"{0} \cdot {3} + {1} \cdot {2}",
    lambda a, b, c, d: _ratio(a * d + b * c),
    4,
  ),
}

# Longer ways to write a number or letter {0}; k is a small number.
REWRITES: Mapping[str, str] = {
  "trigonometric": r"\left( {0} (\sin^2 t + \cos^2 t) \right)",
  "logarithm": r"\left( \ln e^{{ {0} }} \right)",
  "fraction": r"\left( \frac{{ {k} \cdot {0} }}{{ {k} }} \right)",
  "shift": r"\left( {0} + {k} - {k} \right)",
  "unit": r"\left( {0} \cdot e^0 \right)",
}


def make_set(
  num_seeds: int, *, variants_per_kind: int = 1, seed: int = 0
) -> list[base.Problem]:
  """Seeds, each followed by its variants.

  `meta` has `family`, `kind` and `seed`, the id of the seed problem (its own
  for a seed); seeds go through the families in turn.

  Args:
    num_seeds: at least 1.
    variants_per_kind: of each seed; there is one symbolic variant.
    seed: of the coefficients; seed i does not depend on `num_seeds`.
  """
  if num_seeds < 1 or variants_per_kind < 1:
    raise errors.UserError(
      "num_seeds, variants_per_kind: must be at least 1, got "
      f"{num_seeds} and {variants_per_kind}"
    )
  names = list(FAMILIES)
  problems = []
  for index in range(num_seeds):
    rng = np.random.default_rng((seed, index))
    name = names[index % len(names)]
    problems += _with_variants(name, index, variants_per_kind, rng)
  return problems


def formula(family: Family, coefficients: Sequence[str]) -> str:
  """The answer in LaTeX."""
  return family.formula.format(*coefficients)


def _with_variants(
  name: str, index: int, count: int, rng: np.random.Generator
) -> list[base.Problem]:
  family, origin = FAMILIES[name], f"{NAME}/{name}-{index}"
  numbers = _draw(rng, _SMALL, family.size)

  def make(
    kind: Kind, number: int, coefficients: Sequence[str], answer: str
  ) -> base.Problem:
    return base.Problem(
      id=origin if kind == "seed" else f"{origin}/{kind}-{number}",
      task=NAME,
      prompt=family.text.format(*coefficients),
      answer=answer,
      meta={"family": name, "kind": kind, "seed": origin},
    )

  def numeric(kind: Kind, number: int, own: Sequence[int]) -> base.Problem:
    return make(kind, number, [str(n) for n in own], str(family.solve(*own)))

  made = [numeric("seed", 0, numbers)]
  for number in range(count):
    place = int(rng.integers(family.size))
    one = list(numbers)
    one[place] = _draw(rng, _LARGE, 1)[0]
    made.append(numeric("numeric_one", number, one))
    larger = _draw(rng, _LARGE, family.size)
    made.append(numeric("numeric_all", number, larger))
    texts = [str(n) for n in numbers]
    texts[place] = _rewrite(texts[place], rng)
    answer = str(family.solve(*numbers))
    made.append(make("equivalence", number, texts, answer))
  letters = list(_LETTERS[: family.size])
  made.append(make("symbolic", 0, letters, formula(family, letters)))
  return made


def _rewrite(text: str, rng: np.random.Generator) -> str:
  pattern = list(REWRITES.values())[rng.integers(len(REWRITES))]
  return pattern.format(text, k=int(rng.integers(2, 10)))


def _draw(
  rng: np.random.Generator, span: tuple[int, int], size: int
) -> list[int]:
  return [int(n) for n in rng.integers(*span, size=size)]
