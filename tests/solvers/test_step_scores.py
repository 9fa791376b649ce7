"""Scores do not depend on the shapes they are computed in."""

import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax import errors
from prm_jax.decode import score
from prm_jax.models import reads
from prm_jax.solvers import step_scores
from prm_jax.tasks import base as tasks
from prm_jax.text import steps
from tests.models import tiny

rng = np.random.default_rng(0)


def text(length, *reads):
  tokens = rng.integers(1, tiny.VOCAB, length).astype(np.int32)
  return steps.EncodedSolution(tokens, 2, np.array(reads, np.int32))


TEXTS = [text(9, 4, 8), text(40, 39), text(5, 2, 3, 4), text(33, 5, 20),
         text(9, 8), text(70, 1, *range(50, 65))]  # fmt: skip
NAMES = [f"text {i}" for i in range(len(TEXTS))]


@pytest.fixture(scope="module")
def model():
  return tiny.make(value_head="mlp", num_classes=3, use_lm_head=False)


def scorer(model, **options):
  options = {"batch_tokens": 100} | options
  config = step_scores.ScoringConfig(**options)
  return step_scores.StepScorer(
    reads.Values(model[0]), model[1], lambda q, s: TEXTS[int(q)], config
  )


def test_every_text_gets_what_a_forward_of_its_own_gives(model):
  done = []
  scored = scorer(model).score(TEXTS, NAMES, done.append)
  assert done == sorted(done)
  assert done[-1] == len(TEXTS)
  length = np.array([len(own.tokens) for own in TEXTS])
  tokens = np.zeros((len(TEXTS), 77), np.int32)
  for row, own in zip(tokens, TEXTS, strict=True):
    row[: len(own.tokens)] = own.tokens
  run = tiny.jit(lambda p, x, n: score.prefix_scores(model[0], p, x, n))
  whole = np.asarray(run(model[1], jnp.asarray(tokens), jnp.asarray(length)))
  for own, one, values in zip(TEXTS, scored, whole, strict=True):
    want = values[own.step_end]
    np.testing.assert_allclose(one.scores, want, rtol=1e-5, atol=1e-6)
    assert one.num_tokens == len(own.tokens)
    assert one.num_dropped == 0


def test_other_batches_and_order_change_nothing(model):
  want = scorer(model).score(TEXTS, NAMES)
  found = scorer(model, batch_tokens=1).score(TEXTS[::-1], NAMES)
  for a, b in zip(want, found[::-1], strict=True):
    np.testing.assert_allclose(a.scores, b.scores, rtol=1e-5, atol=1e-6)


def test_a_score_depends_on_nothing_behind_it(model):
  own = TEXTS[3]
  changed = own.tokens.copy()
  changed[21:] = 3
  other = steps.EncodedSolution(changed, 2, own.step_end)
  one, two = scorer(model).score([own, other], NAMES[:2])
  np.testing.assert_array_equal(one.scores, two.scores)


def problems(*indices):
  return [tasks.Problem(f"p{i}", "", str(i), None) for i in indices]


def test_called_with_problems(model):
  found = scorer(model)(problems(2, 0), [["a"], ["b"]])
  assert [len(one) for one in found] == [3, 2]
  long = scorer(model, max_tokens=50, overlong="skip")
  with pytest.raises(errors.UserError, match="problem p5: 70 tokens, the mo"):
    long(problems(0, 5), [["a"], ["b"]])


def test_too_long_a_text_is_told(model):
  stops = scorer(model, max_tokens=50)
  with pytest.raises(errors.UserError, match="text 5: 70 tokens, the model re"):
    stops.score(TEXTS, NAMES)


def test_too_long_a_text_is_skipped(model):
  skips = scorer(model, max_tokens=50, overlong="skip")
  found = skips.score(TEXTS, NAMES)
  assert [one.scores is None for one in found] == [False] * 5 + [True]


def test_tokens_on_the_left_go_but_no_step(model):
  cut = scorer(model, max_tokens=30, overlong="left")
  (found,) = cut.score([TEXTS[1]], ["one"])
  assert found.num_dropped == 10
  bare = steps.EncodedSolution(TEXTS[1].tokens[10:], 0, TEXTS[1].step_end - 10)
  (want,) = scorer(model).score([bare], ["one"])
  np.testing.assert_allclose(found.scores, want.scores, rtol=1e-5)
  with pytest.raises(errors.UserError, match="would take a step that is read"):
    cut.score([TEXTS[5]], ["one"])


@pytest.mark.parametrize(
  ("options", "part"),
  [({"batch_tokens": -1}, "batch_tokens"), ({"max_tokens": -1}, "max_tokens"),
   ({"overlong": "right"}, "overlong: 'right' is not one of stop, left")],
)  # fmt: skip
def test_bad_config(options, part):
  with pytest.raises(errors.UserError, match=part):
    step_scores.ScoringConfig(**options)
