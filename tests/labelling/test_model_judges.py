"""What models say as verdicts, without a model."""

import re

import numpy as np
import pytest

from prm_jax import errors
from prm_jax.labelling import judges, model_judges
from prm_jax.tasks import chain
from tests.labelling import chains

PROBLEM = chain.make_problem((3, 4, 7), 10)
STEPS = ("3 + 4 = 8", "8 + 7 = 5", "= 5")


def parse(text):
  found = re.search(r"\\boxed\{(-?\d+)\}", text)
  return int(found[1]) if found else None


def test_scores_and_their_margin():
  scores = np.array([0.9, 0.55, np.nan])
  judge = model_judges.Scores(lambda p, s: [scores])
  (own,) = judges.ask(judge, [PROBLEM], [STEPS])
  assert own.verdicts == (1, 1, None)
  judge = model_judges.Scores(lambda p, s: [scores], 0.6, 0.1)
  (own,) = judge([PROBLEM], [STEPS])
  assert own.verdicts == (1, None, None)
  with pytest.raises(errors.UserError, match=r"judge\.threshold"):
    model_judges.Scores(lambda p, s: [scores], 2.0)


@pytest.mark.parametrize(
  ("texts", "expected"),
  [
    ([r"so \boxed{1}"], (1, 0, None)),
    ([r"\boxed{-1}"], (1, 1, 1)),
    (["no idea"], (None,) * 3),
    ([r"\boxed{7}"], (None,) * 3),  # there is no such step
    ([r"\boxed{0}", r"\boxed{2}", "?", r"\boxed{2}"], (1, 1, 0)),
    ([], (None,) * 3),
  ],
)
def test_words(texts, expected):
  asked = []

  def critic(prompts):
    asked.extend(prompts)
    return [(texts, 12)]

  judge = model_judges.Words(critic, parse, model_judges.ask_for_first_error)
  (own,) = judges.ask(judge, [PROBLEM], [STEPS])
  assert own == judges.Judgement(expected, 12)
  assert PROBLEM.prompt in asked[0]
  assert all(step in asked[0] for step in STEPS)


def test_only_reverse_verification_sees_the_answer():
  forward = model_judges.ask_for_first_error(PROBLEM, ())
  reverse = model_judges.ask_in_reverse(PROBLEM, ())
  assert "right answer" not in forward
  assert f"is {PROBLEM.answer};" in reverse
  unknown = chain.make_problem((3, 4, 7), 10)
  object.__setattr__(unknown, "answer", None)
  assert model_judges.ask_in_reverse(unknown, ()) == forward


def test_a_critic_that_finds_the_first_error_gives_the_truth():
  """Its verdicts are the oracle's up to the first error."""
  given = chains.solutions(30)
  problems, steps = zip(*given, strict=True)
  truth = [
    list(o.verdicts) for o in judges.Oracle(chains.TASK)(problems, steps)
  ]
  firsts = [t.index(0) if 0 in t else -1 for t in truth]
  critic = lambda prompts: [([rf"\boxed{{{z}}}"], 1) for z in firsts]
  judge = model_judges.Words(critic, parse, model_judges.ask_for_first_error)
  for own, true, first in zip(
    judge(problems, steps), truth, firsts, strict=True
  ):
    end = len(true) if first < 0 else first + 1
    assert list(own.verdicts[:end]) == true[:end]
    assert set(own.verdicts[end:]) <= {None}
