"""Question templates posed k times with other numbers, and not knowing.

After DIA (arXiv 2410.15490), which asks whether a model is right about every
instance of a template, and whether it says so when it is not: the answer
`I-DO-NOT-KNOW` is neither right nor wrong. Instances ask for what takes exact
computing, so guessing rarely helps.
"""

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from prm_jax import errors
from prm_jax.tasks import answers, base, drawing, grading

NAME = "templates"
UNKNOWN = "I-DO-NOT-KNOW"
INSTRUCTION = (
  "Put the answer within \\boxed{}. If you are not sure of it, answer "
  f"\\boxed{{{UNKNOWN}}}."
)
RULES = ("boxed", "answer_is")
Outcome: TypeAlias = Literal["correct", "wrong", "unknown"]


class Instance(NamedTuple):
  """A question and its answer."""

  question: str
  answer: str


def _power_remainder(rng: np.random.Generator) -> Instance:
  base_, power, modulus = _numbers(rng, (3, 99), (50, 999), (101, 999))
  return Instance(
    f"What is the remainder of {base_}^{power} divided by {modulus}?",
    str(pow(base_, power, modulus)),
  )


def _product(rng: np.random.Generator) -> Instance:
  left, right = _numbers(rng, (1000, 9999), (1000, 9999))
  return Instance(f"What is {left} * {right}?", str(left * right))


def _divisor(rng: np.random.Generator) -> Instance:
  common, left, right = _numbers(rng, (6, 99), (100, 999), (100, 999))
  left, right = common * left, common * right
  return Instance(
    f"What is the greatest common divisor of {left} and {right}?",
    str(math.gcd(left, right)),
  )


def _binary(rng: np.random.Generator) -> Instance:
  (number,) = _numbers(rng, (10_000, 99_999))
  return Instance(
    f"How many ones are in the binary form of {number}?",
    str(number.bit_count()),
  )


def _digits(rng: np.random.Generator) -> Instance:
  base_, power = _numbers(rng, (3, 20), (20, 60))
  return Instance(
    f"What is the sum of the decimal digits of {base_}^{power}?",
    str(sum(map(int, str(base_**power)))),
  )


def _letters(rng: np.random.Generator) -> Instance:
  text = "".join("abcde"[i] for i in rng.integers(5, size=40))
  letter = "abcde"[rng.integers(5)]
  return Instance(
    f"How often does the letter {letter} stand in {text}?",
    str(text.count(letter)),
  )


def _sorted_place(rng: np.random.Generator) -> Instance:
  numbers = _numbers(rng, *[(100, 999)] * 15)
  place = int(rng.integers(1, 16))
  return Instance(
    f"Sort the numbers {', '.join(map(str, numbers))} from the smallest. "
    f"Which one is number {place}?",
    str(sorted(numbers)[place - 1]),
  )


def _chained(rng: np.random.Generator) -> Instance:
  first, length = _numbers(rng, (2, 9), (8, 15))
  value = first
  for _ in range(length):
    value = (value * value + 1) % 1009
  return Instance(
    f"Let x_0 = {first} and x_(n+1) be the remainder of x_n^2 + 1 divided by "
    f"1009. What is x_{length}?",
    str(value),
  )


def _grid_paths(rng: np.random.Generator) -> Instance:
  width, height = _numbers(rng, (5, 12), (5, 12))
  return Instance(
    f"How many shortest lattice paths lead from (0, 0) to ({width}, {height})?",
    str(math.comb(width + height, width)),
  )


def _fraction_sum(rng: np.random.Generator) -> Instance:
  a, b, c, d = _numbers(rng, (2, 40), (41, 99), (2, 40), (41, 99))
  top, below = a * d + c * b, b * d
  common = math.gcd(top, below)
  return Instance(
    f"Write {a}/{b} + {c}/{d} as a fraction in lowest terms.",
    f"{top // common}/{below // common}",
  )


TEMPLATES: Mapping[str, Callable[[np.random.Generator], Instance]] = {
  "power_remainder": _power_remainder,
  "product": _product,
  "divisor": _divisor,
  "binary_ones": _binary,
  "digit_sum": _digits,
  "letter_count": _letters,
  "sorted_place": _sorted_place,
  "chained_squares": _chained,
  "grid_paths": _grid_paths,
  "fraction_sum": _fraction_sum,
}


def make_set(instances: int = 5, *, seed: int = 0) -> list[base.Problem]:
  """`instances` problems of each template; `meta` has `template`.

  Raises:
    UserError: none is asked for, or more than differ.
  """
  if instances < 1:
    raise errors.UserError(f"instances: must be at least 1, got {instances}")
  problems: list[base.Problem] = []
  for index, (name, draw) in enumerate(TEMPLATES.items()):
    posed: set[str] = set()
    for number in range(instances):
      rng = np.random.default_rng((seed, index, number))
      made = drawing.unlike(
        functools.partial(draw, rng), lambda one: one.question, posed
      )
      if made is None:
        raise errors.UserError(
          f"instances: {name} has fewer than {instances} different ones"
        )
      problems.append(
        base.Problem(
          id=f"{NAME}/{name}-{number}",
          task=NAME,
          prompt=f"{made.question} {INSTRUCTION}",
          answer=made.answer,
          meta={"template": name, "instance": number},
        )
      )
  return problems


def outcomes(
  grader: grading.Grader,
  problems: Sequence[base.Problem],
  texts: Sequence[str],
) -> dict[str, list[Outcome]]:
  """By template, in the order of the problems.

  Only the phrase itself says that the answer is not known; whatever else is
  no right answer is wrong, a text without an answer included.
  """
  found = [answers.extract(text, RULES) for text in texts]
  golds = [problem.answer or "" for problem in problems]
  grades = grader.grade_all(list(zip(golds, found, strict=True)))
  by_template: dict[str, list[Outcome]] = {}
  for problem, answer, grade in zip(problems, found, grades, strict=True):
    outcome: Outcome = "correct" if grade.correct else "wrong"
    if answer is not None and answer.strip(" .").upper() == UNKNOWN:
      outcome = "unknown"
    by_template.setdefault(problem.meta["template"], []).append(outcome)
  return by_template


def _numbers(rng: np.random.Generator, *spans: tuple[int, int]) -> list[int]:
  """A number of each span, both ends included."""
  return [int(rng.integers(low, high + 1)) for low, high in spans]
