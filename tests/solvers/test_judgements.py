"""Votes of written judgements, with a calculator; the model is a script."""

import numpy as np
import pytest

from prm_jax import errors
from prm_jax.data import records
from prm_jax.models import combined
from prm_jax.solvers import continuing, generative, judgements, rationales
from prm_jax.text import steps as steps_lib
from prm_jax.text import tokenizer as tokenizer_lib
from tests.models import tiny

TOKENIZER = tokenizer_lib.number_tokenizer(10)
RIGHT, WRONG, ASKS = (TOKENIZER.encode(x)[0] for x in ("|", "/", "="))
HEAD = combined.VerdictHead(RIGHT, WRONG)
PROBLEM = records.Problem("p", "chain", "5 : 3 + 4 :", "2")
STEPS = ("3 + 4 = 2", "= 2")
TEXT = steps_lib.encode_solution(TOKENIZER, PROBLEM.prompt, STEPS)


def make(write, choose, **options):
  model, params = tiny.make(vocab_size=TOKENIZER.vocab_size, num_layers=1)
  config = rationales.Config(max_tokens=6, batch_size=4, **options)
  words = judgements.Words(HEAD, ASKS, TOKENIZER.eos_id)
  found = judgements.JudgementScorer(model, params, TOKENIZER, words, config)
  found._write = lambda texts: [[write(text)] for text in texts]
  found._choice = lambda params, tokens, length, ids: np.array(
    [
      choose(row[:count].tolist(), ids)
      for row, count in zip(tokens, length, strict=True)
    ]
  )
  return found


def said(text, end="eos", last=RIGHT):
  return continuing.Written(tuple(TOKENIZER.encode(text)), end, last)


def test_a_calculator_answers_in_the_tasks_arithmetic():
  """The script asks once, then gives its verdict on what it is told."""
  seen = []

  def write(text):
    seen.append(TOKENIZER.decode(text.tokens))
    if not text.name.endswith("#0"):
      return said(";")
    return said("3 + 4", last=ASKS)

  def choose(tokens, ids):
    np.testing.assert_array_equal(ids, [WRONG, RIGHT])
    assert TOKENIZER.decode(tokens).endswith(" 3 + 4 = 2 ;")
    return [0.25, 0.75]

  scorer = make(write, choose, code="tool", votes=2)
  (found,) = scorer.judge([PROBLEM], [TEXT])
  np.testing.assert_allclose(found.votes, 0.75)
  np.testing.assert_allclose(found.scores, [0.75, 0.75])
  first = TOKENIZER.decode(TEXT.tokens[: TEXT.step_end[0] + 1].tolist())
  assert seen[0] == first
  assert f"{first} 3 + 4 = 2" in seen  # 7 modulo 5
  names = {draft.name for own in found.drafts for draft in own}
  assert len(names) == 4


def test_majority_mean_and_no_verdict():
  """Votes .9, .4, .4: the mean is for right, the majority against."""
  vote_of = {0: 0.9, 1: 0.4, 2: 0.4}

  def write(text):
    step, vote, _ = text.name.split("#")[1:]
    if step == "1":
      return said("7", end="limit", last=-1)
    return said(str(vote))

  choose = lambda tokens, ids: [
    1 - vote_of[int(TOKENIZER.decode(tokens[-1:]))],
    vote_of[int(TOKENIZER.decode(tokens[-1:]))],
  ]
  for rule, want in (("mean", 1.7 / 3), ("majority", 1 / 3)):
    scorer = make(write, choose, votes=3, at_limit="unknown", pool=rule)
    (found,) = scorer.judge([PROBLEM], [TEXT])
    np.testing.assert_allclose(found.votes[0], [0.9, 0.4, 0.4], rtol=1e-6)
    assert np.isnan(found.votes[1]).all()
    assert found.num_unknown == 3
    np.testing.assert_allclose(
      found.scores, [want, generative.UNJUDGED], rtol=1e-6
    )


def test_half_votes_are_halves():
  votes = np.array([[0.5, 0.9, np.nan], [0.1, 0.2, 0.9]], np.float32)
  np.testing.assert_allclose(
    generative.pool(votes, "majority"), [0.75, 1 / 3], rtol=1e-6
  )


def test_what_it_cannot_do_is_told():
  with pytest.raises(errors.UserError, match="format 'judgement' writes"):
    make(None, None, mode="direct")
