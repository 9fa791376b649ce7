"""Perturbed algebra, templates and instructions, checked by other means."""

import collections
import fractions
import itertools
import re

import pytest
import sympy

from prm_jax import errors
from prm_jax.tasks import grading, instructions, perturbed_algebra, templates

x, k = sympy.symbols("x k")
# The answers again, by a computer algebra system and from the definitions.
BY_ALGEBRA = {
  "linear": lambda a, b, c: sympy.solve(a * x + b - c, x)[0],
  "root_sum": lambda a, b, c: sum(sympy.roots(a * x**2 + b * x - c, x).keys()),
  "determinant": lambda a, b, c, d: sympy.Matrix([[a, b], [c, d]]).det(),
  "integral": lambda a, b, c: sympy.integrate(b * x + c, (x, 0, a)),
  "slope": lambda a, b, c: sympy.diff(a * x**3 + b * x, x).subs(x, c),
  "geometric_sum": lambda a, b: sympy.summation(
    a * sympy.Rational(1, b) ** k, (k, 0, sympy.oo)
  ),
  "arithmetic_sum": lambda a, b, c: sum(b + c * i for i in range(1, a + 1)),
  "limit": lambda a, b, c: sympy.limit(
    (a * x**2 + b * x) / (c * x**2 + 1), x, sympy.oo
  ),
  "product_term": lambda a, b, c, d: sympy.expand(
    (a * x + b) * (c * x + d)
  ).coeff(x),
}


@pytest.fixture(scope="module")
def grader():
  with grading.Grader(grading.Config(num_workers=1)) as made:
    yield made


@pytest.mark.parametrize("name", perturbed_algebra.FAMILIES)
def test_answers_of_a_family(grader, name):
  """Numbers, and the formula with these numbers in it."""
  family = perturbed_algebra.FAMILIES[name]
  for numbers in ((7, 3, 5, 2), (11, 4, 3, 29)):
    own = numbers[: family.size]
    found = family.solve(*own)
    expected = sympy.simplify(BY_ALGEBRA[name](*own))
    assert sympy.Rational(found.numerator, found.denominator) == expected
    formula = perturbed_algebra.formula(family, [str(n) for n in own])
    assert grader.grade(str(found), formula).correct
    assert not grader.grade(str(found + 1), formula).correct


def test_every_letter_is_read(grader):
  """Wherever it stands: `3 s` may mean three seconds."""
  for one, other in itertools.pairwise(perturbed_algebra.LETTERS):
    gold = f"3 \\cdot {one} \\cdot {other}^2"
    assert grader.grade(gold, f"{other}^2 \\cdot 3 \\cdot {one}").correct
    assert not grader.grade(gold, f"{other}^2 \\cdot 3").correct


@pytest.mark.parametrize("name", perturbed_algebra.REWRITES)
def test_rewrites_are_equal(grader, name):
  for text in ("7", "p"):
    rewritten = perturbed_algebra.REWRITES[name].format(text, k=3)
    assert grader.grade(f"{text}+1", f"{rewritten}+1").correct
    assert not grader.grade(f"{text}+2", f"{rewritten}+1").correct


def test_variants_are_paired_with_their_seeds():
  made = perturbed_algebra.make_set(18, variants_per_kind=2)
  seeds = {p.id: p for p in made if p.meta["kind"] == "seed"}
  assert len(seeds) == 18
  assert len({p.id for p in made}) == len(made) == 18 * 8
  kinds = collections.Counter(p.meta["kind"] for p in made)
  assert kinds == {
    "seed": 18, "numeric_one": 36, "numeric_all": 36, "equivalence": 36,
    "symbolic": 18,
  }  # fmt: skip
  for problem in made:
    origin = seeds[problem.meta["seed"]]
    assert origin.meta["family"] == problem.meta["family"]
    if problem.meta["kind"] == "equivalence":
      assert problem.answer == origin.answer
      assert problem.prompt != origin.prompt
      assert len(problem.prompt) > len(origin.prompt)
    if problem.meta["kind"] == "symbolic":
      assert re.search(f"[{perturbed_algebra.LETTERS}]", problem.answer)
    else:
      fractions.Fraction(problem.answer)
  assert perturbed_algebra.make_set(2) == perturbed_algebra.make_set(5)[:10]


def test_no_two_problems_are_equal():
  """Not even symbolic ones of a family, whose letters differ."""
  made = perturbed_algebra.make_set(90, variants_per_kind=3)
  assert len({p.prompt for p in made}) == len(made)
  posed = instructions.make_set(range(2, 26), per_count=5)
  assert len({p.prompt for p in posed}) == len(posed)
  # Two letters of three: there are nine texts.
  assert len(instructions.make_set([2], per_count=9)) == 9 * 8
  with pytest.raises(errors.UserError, match=r"count has fewer than 10 .*of 2"):
    instructions.make_set([2], per_count=10)
  with pytest.raises(errors.UserError, match="geometric_sum has fewer differe"):
    perturbed_algebra.make_set(9 * 65)


def test_one_coefficient_differs():
  for problem in perturbed_algebra.make_set(9):
    if problem.meta["kind"] != "numeric_one":
      continue
    (seed,) = (
      p for p in perturbed_algebra.make_set(9) if p.id == problem.meta["seed"]
    )
    first, second = (
      re.findall(r"\d+", p.prompt.replace("-", " ")) for p in (seed, problem)
    )
    changed = {(a, b) for a, b in zip(first, second, strict=True) if a != b}
    assert len(changed) == 1


QUESTIONS = {
  "product": (r"(\d+) \* (\d+)", lambda a, b: a * b),
  "power_remainder": (
    r"(\d+)\^(\d+) divided by (\d+)",
    lambda a, n, m: a**n % m,
  ),
  "divisor": (
    r"of (\d+) and (\d+)",
    lambda a, b: max(d for d in range(1, 100_000) if a % d == b % d == 0),
  ),
  "binary_ones": (r"form of (\d+)", lambda n: f"{n:b}".count("1")),
  "fraction_sum": (
    r"(\d+)/(\d+) \+ (\d+)/(\d+)",
    lambda a, b, c, d: fractions.Fraction(a, b) + fractions.Fraction(c, d),
  ),
  "grid_paths": (r"\((\d+), (\d+)\)\?", lambda w, h: sympy.binomial(w + h, w)),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_template_answers(name):
  pattern, solve = QUESTIONS[name]
  found = [p for p in templates.make_set(5) if p.meta["template"] == name]
  assert len({p.prompt for p in found}) == 5
  for problem in found:
    numbers = map(int, re.search(pattern, problem.prompt).groups())
    assert problem.answer == str(solve(*numbers))


def test_outcomes_of_templates(grader):
  problems = [
    p for p in templates.make_set(5) if p.meta["template"] == "product"
  ]
  texts = [
    f"\\boxed{{{problems[0].answer}}}",
    "\\boxed{I-DO-NOT-KNOW}",
    "The answer is I-DO-NOT-KNOW.",
    "I do not know",
    f"\\boxed{{{int(problems[4].answer) + 1}}}",
  ]
  assert templates.outcomes(grader, problems, texts) == {
    "product": ["correct", "unknown", "unknown", "wrong", "wrong"]
  }
  assert len(templates.make_set(3)) == 3 * len(templates.TEMPLATES)
  with pytest.raises(errors.UserError, match="instances: must be"):
    templates.make_set(0)
  with pytest.raises(errors.UserError, match="has fewer than 65"):
    templates.make_set(65)


def _listed(problem):
  """What the prompt lists behind its last colon before the format."""
  head = problem.prompt.partition(". After each step")[0]
  return head.rpartition(": ")[2].split(", ")


def _follow(problem):
  """The states by following the prompt, written once more."""
  generator, text = problem.meta["generator"], problem.meta["init"]
  count = len(instructions.states(problem))
  found = []
  if generator == "sort":
    for i in range(count):
      j = min(range(i, len(text)), key=text.__getitem__)
      letters = list(text)
      letters[i], letters[j] = letters[j], letters[i]
      text = "".join(letters)
      found.append(text)
  elif generator == "gather":
    left, taken = collections.deque(text), []
    for step in range(1, count + 1):
      taken.append(left.popleft() if step % 2 else left.pop())
      found.append("".join(left) + " " + "".join(taken))
  elif generator == "count":
    for end in range(1, count + 1):
      found.append(" ".join(f"{c}{text[:end].count(c)}" for c in "xyz"))
  elif generator == "stack":
    stack = []
    for order in _listed(problem):
      stack.pop() if order == "pop" else stack.append(order[-1])
      found.append("".join(stack) or "empty")
  else:
    change = {
      "rotate": lambda t, n: (t + t)[int(n) : int(n) + len(t)],
      "substitute": lambda t, rule: re.sub(rule[0], rule[-1], t),
      "accumulate": lambda t, n: str((int(t) + int(n)) % 100),
      "reverse_prefix": lambda t, n: "".join(
        [*reversed(t[: int(n)]), *t[int(n) :]]
      ),
    }[generator]
    for order in _listed(problem):
      text = change(text, order)
      found.append(text)
  return found


@pytest.mark.parametrize("name", instructions.GENERATORS)
def test_states_follow_from_the_instructions(name):
  made = [
    p
    for p in instructions.make_set([2, 7, 25], per_count=3)
    if p.meta["generator"] == name
  ]
  assert len(made) == 9
  for problem in made:
    states = instructions.states(problem)
    assert states == _follow(problem)
    assert len(problem.meta["intermediate"]) == len(states) - 1
    assert problem.answer == problem.meta["final"] == states[-1]
    said = "\n".join(f"State {i}: {s}" for i, s in enumerate(states, 1))
    assert instructions.read_states(f"Let us go.\n{said}\nDone.") == states
  assert {len(instructions.states(p)) for p in made} == {2, 7, 25}


def test_bad_instruction_sets():
  with pytest.raises(errors.UserError, match="expected 2 to 25, got 26"):
    instructions.make_set([26])
  with pytest.raises(errors.UserError, match="nothing to make"):
    instructions.make_set([])
  with pytest.raises(errors.UserError, match="stands there twice"):
    instructions.make_set([3, 3])
