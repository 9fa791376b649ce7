"""References of GSM8K and MATH-500: each is itself, and no perturbed one."""

import re

import numpy as np
import pytest

from prm_jax.tasks import forms, grading, gsm8k, hendrycks_math, literals

RNG = np.random.default_rng(0)  # there is one solution, nothing is drawn
NUMBER = re.compile(r"\d+")


def plus_one(answer):
  """The first number is one more."""
  return NUMBER.sub(lambda m: str(int(m[0]) + 1), answer, count=1)


def last_plus_one(answer):
  head, number, tail = re.fullmatch(
    r"(.*?)(\d*)(\D*)", answer, re.DOTALL
  ).groups()
  return head + str(int(number) + 1) + tail if number else answer


def longer(answer):
  """`1` becomes `17`: the reference is a part of the answer."""
  return NUMBER.sub(lambda m: m[0] + "7", answer, count=1)


def negated(answer):
  text = literals.normalise(answer)
  found = literals.quantity(text)
  if found is not None:
    return (
      answer if found.value == 0 else text[1:] if text[0] == "-" else "-" + text
    )
  is_term = not re.search(r"[=<>,_]|\\(text|mbox|in|cup|begin|pm)", text)
  return f"-({text})" if is_term and not literals.words(text) else answer


def swapped(answer):
  found = forms.parts(literals.normalise(answer))
  if found is None or found.brackets == "{}":
    return answer
  first, second, *rest = found.items
  items = ", ".join([second, first, *rest])
  return found.brackets[0] + items + found.brackets[1]


def shortened(answer):
  """Without the last part, or the last letter."""
  text = literals.normalise(answer)
  found = forms.parts(text)
  if found is not None and len(found.items) > 1:
    return ", ".join(found.items[:-1])
  if r"\cup" in text:
    return text.rpartition(r"\cup")[0]
  if r"\pm" in text:
    return text.replace(r"\pm", "+")
  word = literals.words(text)
  return word[:-1] or "none" if word else answer


def other_word(answer):
  word = literals.words(literals.normalise(answer))
  return rf"\text{{{word[::-1]}s}}" if word else answer


PERTURBATIONS = {
  plus_one: 480,
  last_plus_one: 480,
  longer: 480,
  negated: 400,
  swapped: 15,
  shortened: 25,
  other_word: 8,
}


@pytest.fixture(scope="module")
def math500(shared_data):
  path = str(shared_data("math500/test.jsonl"))
  with hendrycks_math.Math(hendrycks_math.Config(path)) as task:
    yield task, list(task.problems("test"))


def test_math500_solutions_are_right(math500):
  task, problems = math500
  assert len(problems) == 500
  shown = [(p, task.demonstrations(p, RNG, 1)[0]) for p in problems]
  verdicts = task.verify_all(shown)
  assert [v.reason for v in verdicts if not v.correct] == []


def test_math500_references_are_themselves_by_algebra_too(math500):
  """With another spacing, so that equal strings are not all there is."""
  task, problems = math500
  pairs = [
    (p.answer, p.answer.replace("(", "( ").replace("+", " + ") + " ")
    for p in problems
  ]
  pairs += [(p.answer, rf"$\displaystyle {p.answer}$") for p in problems]
  grades = task.grader.grade_all(pairs)
  assert [p for p, g in zip(pairs, grades, strict=True) if not g.correct] == []


@pytest.mark.parametrize("perturb", PERTURBATIONS, ids=lambda f: f.__name__)
def test_math500_perturbed_answers_are_wrong(math500, perturb):
  task, problems = math500
  pairs = [(p.answer, perturb(p.answer)) for p in problems]
  pairs = [(a, b) for a, b in pairs if a != b]
  assert len(pairs) >= PERTURBATIONS[perturb]
  grades = task.grader.grade_all(pairs)
  assert [p for p, g in zip(pairs, grades, strict=True) if g.correct] == []


def test_gsm8k_references(shared_data):
  path = str(shared_data("gsm8k/test.jsonl"))
  with gsm8k.Gsm8k(gsm8k.Config(path)) as task:
    problems = list(task.problems("test"))
    assert len(problems) == 1319
    shown = [(p, task.demonstrations(p, RNG, 1)[0]) for p in problems]
    assert all(v.correct for v in task.verify_all(shown))
    for perturb in (plus_one, last_plus_one, longer, negated):
      pairs = [(p.answer, perturb(p.answer)) for p in problems]
      pairs = [(a, b) for a, b in pairs if a != b]
      assert len(pairs) >= 1300
      assert not any(g.correct for g in task.grader.grade_all(pairs))
    assert task.grader.pids() == []  # whole numbers need no algebra
    assert task.grader.counts.keys() <= {"equal", "different"}


def test_unknown_outcomes_are_few(math500):
  """Of all answers of this module; they would be false negatives."""
  task, _ = math500
  counts = task.grader.counts
  assert sum(counts.values()) > 2000
  unknown = sum(counts[outcome] for outcome in grading.UNKNOWN)
  assert unknown / sum(counts.values()) < 0.01
