"""Critiques in words, with one box, several or none."""

import numpy as np
import pytest

from prm_jax.eval import judge_text, processbench


@pytest.mark.parametrize(
  ("text", "index"),
  [
    (r"The error is in paragraph \boxed{3}.", 3),
    (r"All right: \boxed{-1}", -1),
    (r"\boxed{ -1 }", -1),
    (r"\boxed{\text{2}}", 2),
    (r"\boxed{0.}", 0),
    (r"First \boxed{1}, no, \boxed{4}", 4),
    (r"$\boxed {12}$", 12),
    ("paragraph 3", judge_text.UNPARSED),
    (r"\boxed{none}", judge_text.UNPARSED),
    (r"\boxed{1} and then \boxed{two}", judge_text.UNPARSED),
    (r"\boxed{1.5}", judge_text.UNPARSED),
    (r"\boxed{1, 2}", judge_text.UNPARSED),
    (r"\boxed{-2}", judge_text.UNPARSED),
    (r"\boxed{", judge_text.UNPARSED),
    ("", judge_text.UNPARSED),
  ],
)
def test_parse(text, index):
  assert judge_text.parse(text) == index


def test_majority_of_those_that_parse():
  none = judge_text.UNPARSED
  assert judge_text.majority([2, 1, 1]) == 1
  assert judge_text.majority([none, none, none, 3]) == 3
  assert judge_text.majority([2, 5, 5, 2]) == 2  # the first of equals
  assert judge_text.majority([none]) == none
  assert judge_text.majority([]) == none
  assert (
    judge_text.predict([r"\boxed{2}", "?", r"\boxed{-1}", r"\boxed{-1}"]) == -1
  )


def test_what_cannot_be_parsed_never_matches():
  predicted = np.array([judge_text.parse("no box"), judge_text.parse("")])
  found = processbench.tally(predicted, np.array([0, -1]))
  assert found.error_accuracy.value == found.correct_accuracy.value == 0
