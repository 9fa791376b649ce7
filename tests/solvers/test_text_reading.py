"""Rows of one tokenizer as texts in the tokens of another."""

import numpy as np
import pytest

from prm_jax import errors
from prm_jax.solvers import text_reading
from prm_jax.tasks import base as tasks
from prm_jax.text import steps as steps_lib
from prm_jax.text import tokenizer as tokenizer_lib

POLICY = tokenizer_lib.number_tokenizer(30)
TAG = 99
PROBLEMS = [
  tasks.Problem("a", "t", "1 2 :", None),
  tasks.Problem("b", "t", "3 :", None),
]


def encode(question, steps):
  """Bytes; steps are closed by the tag, 13 cannot be written."""
  if "13" in steps:
    raise errors.UserError("steps: 13 is unlucky")
  tokens = list(question.encode())
  start, ends = len(tokens), []
  for step in steps:
    tokens += [*step.encode(), TAG]
    ends.append(len(tokens) - 1)
  return steps_lib.EncodedSolution(
    np.array(tokens, np.int32), start, np.array(ends, np.int32)
  )


def make(**options):
  options = {"row_slots": 12} | options
  return text_reading.TextReading(POLICY, encode, PROBLEMS, **options)


def prompts():
  ids = [POLICY.encode(problem.prompt) for problem in PROBLEMS]
  tokens = np.zeros((2, 4), np.int32)
  for row, own in zip(tokens, ids, strict=True):
    row[: len(own)] = own
  return tokens, np.array([len(own) for own in ids], np.int32)


def rows(*texts):
  """[2, 2, 8] of the policy's tokens."""
  tokens = np.zeros((2, 2, 8), np.int32)
  length = np.zeros((2, 2), np.int32)
  for place, text in enumerate(texts):
    own = POLICY.encode(text)
    tokens[divmod(place, 2)][: len(own)] = own
    length[divmod(place, 2)] = len(own)
  return tokens, length


def test_problems_are_written_without_their_solutions():
  tokens, length = make().prompts(*prompts())
  assert tokens.shape == (2, 32)
  for row, count, problem in zip(tokens, length, PROBLEMS, strict=True):
    assert bytes(row[:count].tolist()).decode() == problem.prompt


def test_rows_are_written_up_to_the_last_step():
  reading = make()
  tokens, ends = reading.rows(*prompts(), *rows("4 ; 5", "4 ; 5 ;", ";", "7 ;"))
  assert ends.tolist() == [[4, 4], [0, 2]]  # none where nothing was written
  assert tokens[0, 0, :4].tolist() == [ord("4"), TAG, ord("5"), TAG]
  assert tokens[0, 1].tolist() == tokens[0, 0].tolist()
  assert tokens[1, 1, :2].tolist() == [ord("7"), TAG]
  assert reading.told == ""


def test_what_cannot_be_read_is_counted_and_told():
  """A step that cannot be written, and a solution with too many tokens."""
  reading = make(row_slots=6, context=10)
  texts = ("13 ;", "1 ; 2 ; 3 ; 4 ;", "1 ; 2 ;", "20 ;")
  _, ends = reading.rows(*prompts(), *rows(*texts))
  assert ends.tolist() == [[0, 0], [4, 3]]
  assert reading.told == (
    "verifier: 2 of 4 readings failed and scored 0; first: problem a: steps: "
    "13 is unlucky"
  )


def test_a_problem_beyond_the_context():
  with pytest.raises(errors.UserError, match=r"problem a has 5 tokens there"):
    make(context=5)
