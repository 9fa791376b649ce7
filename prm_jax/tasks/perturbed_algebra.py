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
from prm_jax.tasks import base, drawing

NAME = "perturbed_algebra"
Kind: TypeAlias = Literal[
  "seed", "numeric_one", "numeric_all", "symbolic", "equivalence"
]
KINDS: tuple[Kind, ...] = get_args(Kind)
# None that the texts or rewrites use, nor that a grader takes for a unit.
LETTERS = "abnpqruvwyz"
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
  """Different problems: seeds, each followed by its variants.

  `meta` has `family`, `kind`, `coefficients` as they are written and `seed`,
  the id of the seed problem (its own for a seed); seeds go through the
  families in turn.

  Args:
    num_seeds: at least 1.
    variants_per_kind: of each seed; there is one symbolic variant.
    seed: of the coefficients; seed i does not depend on `num_seeds`.

  Raises:
    UserError: nothing is asked for, or more than differ.
  """
  if num_seeds < 1 or variants_per_kind < 1:
    raise errors.UserError(
      "num_seeds, variants_per_kind: must be at least 1, got "
      f"{num_seeds} and {variants_per_kind}"
    )
  names = list(FAMILIES)
  problems: list[base.Problem] = []
  posed: set[str] = set()
  for index in range(num_seeds):
    rng = np.random.default_rng((seed, index))
    name = names[index % len(names)]
    maker = _Maker(name, f"{NAME}/{name}-{index}", rng, posed)
    problems += maker.with_variants(variants_per_kind)
  return problems


def formula(family: Family, coefficients: Sequence[str]) -> str:
  """The answer in LaTeX."""
  return family.formula.format(*coefficients)


class _Maker(NamedTuple):
  """Draws a seed and its variants.

  Attributes:
    name: of the family.
    origin: id of the seed.
    rng: of all draws.
    posed: texts that there are already.
  """

  name: str
  origin: str
  rng: np.random.Generator
  posed: set[str]

  def with_variants(self, count: int) -> list[base.Problem]:
    rng, size = self.rng, FAMILIES[self.name].size
    seed = self._unlike("seed", 0, lambda: _draw(rng, _SMALL, size))
    numbers = seed.meta["coefficients"]

    def one() -> list[int]:
      place = int(rng.integers(size))
      (larger,) = _draw(rng, _LARGE, 1)
      return [*numbers[:place], larger, *numbers[place + 1 :]]

    def rewritten() -> list[str]:
      texts, place = [str(n) for n in numbers], int(rng.integers(size))
      texts[place] = _rewrite(texts[place], rng)
      return texts

    made = [seed]
    for i in range(count):
      made += [
        self._unlike("numeric_one", i, one),
        self._unlike("numeric_all", i, lambda: _draw(rng, _LARGE, size)),
        self._unlike("equivalence", i, rewritten, seed.answer),
      ]
    letters = lambda: [LETTERS[i] for i in rng.permutation(len(LETTERS))[:size]]
    return [*made, self._unlike("symbolic", 0, letters)]

  def _unlike(
    self,
    kind: Kind,
    number: int,
    draw: Callable[[], Sequence[int | str]],
    answer: str | None = None,
  ) -> base.Problem:
    """A problem whose text there is not yet; the answer unless it is given."""
    family = FAMILIES[self.name]
    pose = lambda own: family.text.format(*own)
    own = drawing.unlike(draw, pose, self.posed)
    if own is None:
      raise errors.UserError(
        f"num_seeds, variants_per_kind: {self.name} has fewer different "
        f"problems of kind {kind} than are asked for"
      )
    seed = kind == "seed"
    return base.Problem(
      id=self.origin if seed else f"{self.origin}/{kind}-{number}",
      task=NAME,
      prompt=pose(own),
      answer=_answer(family, own) if answer is None else answer,
      meta={
        "family": self.name,
        "kind": kind,
        "seed": self.origin,
        "coefficients": list(own),
      },
    )


def _answer(family: Family, coefficients: Sequence[int | str]) -> str:
  numbers = [c for c in coefficients if isinstance(c, int)]
  if len(numbers) == len(coefficients):
    return str(family.solve(*numbers))
  return formula(family, [str(c) for c in coefficients])


def _rewrite(text: str, rng: np.random.Generator) -> str:
  pattern = list(REWRITES.values())[rng.integers(len(REWRITES))]
  return pattern.format(text, k=int(rng.integers(2, 10)))


def _draw(
  rng: np.random.Generator, span: tuple[int, int], size: int
) -> list[int]:
  return [int(n) for n in rng.integers(*span, size=size)]
