"""A generative verifier's votes against forwards of what it wrote."""

import dataclasses

import jax
import numpy as np
import pytest

from prm_jax import errors
from prm_jax.models import lm
from prm_jax.solvers import continuing, generative, rationales
from prm_jax.tasks import base as tasks
from prm_jax.text import critiques
from tests.models import tiny
from tests.solvers import critic_folder

STYLE = critic_folder.STYLE
GIVEN = [["1+1", "2"], ["x"], ["3", "4", " "]]
PROBLEMS = [tasks.Problem(f"p{i}", "", f"Q{i}", None) for i in range(3)]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
  path = tmp_path_factory.mktemp("critic")
  critic_folder.write(path)
  patch = pytest.MonkeyPatch()
  patch.setattr(continuing, "_LEAST_SLOTS", 128)  # one program is enough
  yield critic_folder.load(path)
  patch.undo()


def make(loaded, style=STYLE, **options):
  model, params, tokenizer, eos_ids = loaded
  sizes = {"max_tokens": 12, "batch_size": 4, "temperature": 1.0, "top_k": 0}
  tool_fn = options.pop("tool_fn", None)
  context = options.pop("context", 0)
  config = rationales.Config(**sizes | options)
  return generative.GenerativeScorer(
    model,
    params,
    style,
    tokenizer,
    eos_ids,
    config,
    context=context,
    tool_fn=tool_fn,
  )


@pytest.fixture(scope="module")
def scorer(loaded):
  return make(loaded, votes=3, at_limit="unknown")


@pytest.fixture(scope="module")
def judged(scorer):
  return scorer.judge(PROBLEMS, GIVEN)


@pytest.fixture(scope="module")
def yes(loaded):
  """P(Yes) between the two after a text, by a whole forward."""
  model, params, tokenizer, _ = loaded
  ids = [tokenizer.single_id(word, "") for word in ("No", "Yes")]
  run = tiny.jit(
    lambda p, x: lm.forward(model, p, *tiny.whole(x)).logits[0][:, ids]
  )

  def shares(tokens):
    text = np.zeros((1, 192), np.int32)
    text[0, : len(tokens)] = tokens
    own = run(params, text)[len(tokens) - 1]
    return float(jax.nn.softmax(own)[1])

  return shares


def test_votes_are_those_of_a_forward(judged, yes):
  known = []
  for one, steps in zip(judged, GIVEN, strict=True):
    assert one.votes.shape == (len(critiques.kept(steps)), 3)
    for votes, drafts in zip(one.votes, one.drafts, strict=True):
      for vote, draft in zip(votes, drafts, strict=True):
        assert np.isnan(vote) == (not draft.is_ready)
        if draft.is_ready:
          assert vote == pytest.approx(yes(draft.whole), abs=1e-5)
          known.append(vote)
  assert len(known) > 3
  assert np.std(known) > 1e-3
  assert 0 < sum(one.num_unknown for one in judged) == 15 - len(known)


def test_scores_are_means_of_the_known_votes(judged):
  for one in judged:
    for score, votes in zip(one.scores, one.votes, strict=True):
      own = [vote for vote in votes if not np.isnan(vote)]
      assert score == pytest.approx(np.mean(own) if own else 0.5, abs=1e-6)
  votes = np.array([[0.2, np.nan, 0.6], [np.nan] * 3], np.float32)
  np.testing.assert_allclose(generative.pool(votes), [0.4, 0.5], rtol=1e-6)


def test_one_rationale_stays_in_the_chat(judged, loaded):
  """The first with a verdict, and the verdict that is likelier."""
  tokenizer = loaded[2]
  for one in (judged[0], judged[2]):
    first, votes = one.drafts[0], one.votes[0]
    asked = tokenizer.decode(one.drafts[1][0].asked)
    place = next((i for i, d in enumerate(first) if d.is_ready), None)
    said = tokenizer.decode(first[place or 0].said)
    if place is not None:
      said += ("Yes" if votes[place] >= 0.5 else "No") + "}"
    assert f"<|im_start|>assistant\n{said}<|im_end|>" in asked
    assert asked.endswith("<|im_start|>assistant\n")
  assert any(d.is_ready for one in judged for d in one.drafts[0])


def test_a_solution_alone_gets_the_same(judged, scorer):
  (alone,) = scorer.judge(PROBLEMS[2:], GIVEN[2:])
  np.testing.assert_allclose(alone.votes, judged[2].votes, atol=1e-5)
  assert alone.drafts == judged[2].drafts
  want = [one.scores for one in judged]
  for found, own in zip(scorer(PROBLEMS, GIVEN), want, strict=True):
    np.testing.assert_array_equal(found, own)


def test_directly_there_is_no_rationale(loaded, yes):
  found = make(loaded, mode="direct").judge(PROBLEMS, GIVEN)
  tokenizer = loaded[2]
  for one, problem in zip(found, PROBLEMS, strict=True):
    text = tokenizer.decode(one.drafts[0][0].whole)
    start = "<|im_start|>system\nD<|im_end|>\n<|im_start|>user\n"
    assert text.startswith(f"{start}{problem.prompt} ")
    assert text.endswith("<|im_start|>assistant\n|{")
    for (vote,), (draft,) in zip(one.votes, one.drafts, strict=True):
      assert vote == pytest.approx(yes(draft.whole), abs=1e-5)
  word = "Yes" if found[0].votes[0, 0] >= 0.5 else "No"
  second = tokenizer.decode(found[0].drafts[1][0].asked)
  assert f"|{{{word}}}<|im_end|>" in second


def test_beyond_the_context_nothing_is_known(loaded):
  (found,) = make(loaded, mode="direct", context=30).judge(
    PROBLEMS[:1], GIVEN[:1]
  )
  assert found.num_unknown == 2
  np.testing.assert_array_equal(found.scores, [0.5, 0.5])


def test_mistakes(loaded):
  with pytest.raises(errors.UserError, match="nothing else runs them"):
    make(loaded, code="tool")
  with pytest.raises(errors.UserError, match="nothing else runs them"):
    make(loaded, tool_fn=str)
  several = dataclasses.replace(STYLE, yes="Yes indeed")
  with pytest.raises(errors.UserError, match="'Yes indeed' has to be one"):
    make(loaded, several)
  with pytest.raises(errors.UserError, match="problem p0: steps: there are"):
    make(loaded, mode="direct").judge(PROBLEMS[:1], [[""]])
