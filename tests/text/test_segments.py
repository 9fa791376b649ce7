"""Texts in steps: what is cut can be put together again."""

import re

import hypothesis
import pytest
from hypothesis import strategies as st

from prm_jax import errors
from prm_jax.text import segments

RULES = (
  *segments.PATTERNS,
  r"regex:\s*;\s*",
  "regex:(?=x)",
  "tag:</step>",
  "tag:\u043a\u0438",
  "tag:<extra_0>",
  "pair:<step>|</step>",
)
# Texts in which rules find something to do, and any others.
PIECES = st.sampled_from(
  [
    *("a", "\u0444\U0001f600", " ", "\n", "\n\n", "\n \n", "\r\n", "\u2028"),
    *("Step 1: ", "step 2 :", ";", "x", "</step>", "<step>", "\u043a\u0438"),
    *("<extra_0>", "\x85", "\x1c"),
  ]
)
TEXTS = st.one_of(st.text(), st.lists(PIECES).map("".join))


@hypothesis.given(text=TEXTS, rule=st.sampled_from(RULES))
def test_what_is_split_joins_to_the_same_text(text, rule):
  found = segments.split(text, rule)
  assert segments.join(found) == text
  assert len(found.gaps) == len(found.steps) + 1
  assert tuple(text[a:b] for a, b in found.spans) == found.steps
  assert all(step.strip() for step in found.steps)


@pytest.mark.parametrize(
  ("text", "rule", "steps", "num_empty"),
  [
    ("a\nb\n\nc\n", "newline", ("a", "b", "c"), 1),
    ("a\nb\n\nc", "blank_line", ("a\nb", "c"), 0),
    ("a\n\n\n\n  b \n \n", "blank_line", ("a", "  b "), 0),
    ("", "newline", (), 0),
    ("\n\na", "newline", ("a",), 1),
    (
      "Step 1: a\nmore\nStep 2: b",
      "step_marker",
      ("Step 1: a\nmore", "Step 2: b"),
      0,
    ),
    (
      "First.\n Step 12. b, as in Step 3: c",
      "step_marker",
      ("First.", "Step 12. b, as in Step 3: c"),
      0,
    ),
    ("a ки\nb ки", "tag:ки", ("a", "b"), 0),
    ("a ки\n ки b ки\n", "tag:ки", ("a", "b"), 1),
    ("a<extra_0>b<extra_0>", "tag:<extra_0>", ("a", "b"), 0),
    ("a</step>b", "tag:</step>", ("a", "b"), 0),  # the last may be open
    (
      "<step>a</step>\n<step>b</step><step></step>",
      "pair:<step>|</step>",
      ("a", "b"),
      1,
    ),
    ("a; b;; c", r"regex:;", ("a", " b", " c"), 1),
  ],
)
def test_rules(text, rule, steps, num_empty):
  found = segments.split(text, rule)
  assert found.steps == steps
  assert found.num_empty == num_empty


def test_an_answer_that_ends_in_a_blank_line_has_no_empty_step():
  """It would be scored, and shift every aggregate of the solution."""
  found = segments.split("a\n\nb\n\n", "blank_line")
  assert found.steps == ("a", "b")
  assert found.gaps == ("", "\n\n", "\n\n")


@pytest.mark.parametrize(
  ("rule", "told"),
  [
    ("paragraph", "'paragraph' is not one of blank_line"),
    ("regex:(", "no pattern"),
    ("tag:", "tags are not given"),
    ("pair:<step>", "tags are not given"),
    ("pair:<step>|", "tags are not given"),
  ],
)
def test_a_rule_that_is_none(rule, told):
  with pytest.raises(errors.UserError, match=re.escape(told)):
    segments.split("a", rule)


def test_indices_of_steps_that_are_not_empty():
  assert segments.without_empty(["a", " ", "", "b"]) == ([0, 3], 2)
