"""Which part of a text is the answer."""

import pytest

from prm_jax import errors
from prm_jax.tasks import answers


@pytest.mark.parametrize(
  ("text", "found"),
  [
    (r"so \boxed{5}.", "5"),
    (r"\boxed{\frac{1}{2}}", r"\frac{1}{2}"),
    (r"\boxed{41} or rather \boxed{42}", "42"),
    (r"\boxed{1} or \boxed{\text{a}b}", r"\text{a}b"),
    (r"\boxed{\{1, 2\}}", r"\{1, 2\}"),
    (r"\boxed{\left\{ x \right.}", r"\left\{ x \right."),
    (r"\fbox{7}", "7"),
    (r"\boxed 5$", "5"),
    (r"\boxed {6}", "6"),
    (r"\boxed{41} and \boxed{", ""),
    (r"\boxed{{{1}", ""),
    (r"\boxed{}", ""),
    ("no box", None),
    (r"\boxed", None),
  ],
)
def test_the_last_box_counts(text, found):
  assert answers.last_boxed(text) == found


@pytest.mark.parametrize(
  ("text", "found"),
  [
    ("#### 18", "18"),
    ("a\n#### 1,000\n", "1,000"),
    ("#### 3\n#### 4", "4"),
    ("####", ""),
    ("### 18", None),
  ],
)
def test_hashes(text, found):
  assert answers.after_hashes(text) == found


@pytest.mark.parametrize(
  ("text", "found"),
  [
    ("The answer is 18.", "18"),
    ("The answer is: $x=5$. I hope it is correct.", "$x=5$"),
    ("the final answer is 3.5", "3.5"),
    ("The answer is 1. No, the answer is 2.", "2"),
    ("The answer is 1\nThe answer is 2\n", "2"),
    ("An answer was 5", None),
  ],
)
def test_the_answer_is(text, found):
  assert answers.after_answer_is(text) == found


@pytest.mark.parametrize(
  ("text", "found"),
  [
    ("we get 3 and then 1,234.", "1,234"),
    ("it is -7", "-7"),
    ("half, .5", ".5"),
    ("none", None),
  ],
)
def test_the_last_number(text, found):
  assert answers.last_number(text) == found


def test_the_first_rule_that_finds_something_decides():
  text = "The answer is 7.\n#### 8"
  assert answers.extract(text, ("boxed", "hashes", "answer_is")) == "8"
  assert answers.extract(text, ("boxed", "answer_is", "hashes")) == "7"
  assert answers.extract(text, ("boxed",)) is None
  assert answers.extract(" 9 ", ("whole",)) == "9"


def test_an_empty_box_is_no_answer():
  assert (
    answers.extract(r"The answer is 7. \boxed{}", ("boxed", "answer_is"))
    is None
  )
  assert answers.extract(r"#### 7 \boxed{", ("boxed", "hashes")) is None


def test_unknown_rules():
  with pytest.raises(errors.UserError, match=r"f: 'regex' is not one of boxed"):
    answers.check_rules(("boxed", "regex"), "f")
  with pytest.raises(errors.UserError, match="f: names no rule"):
    answers.check_rules((), "f")
