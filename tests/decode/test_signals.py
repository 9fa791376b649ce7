"""Signals of a policy that reads as rows grow, against whole texts."""

import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax import errors
from prm_jax.decode import certainty, signals
from prm_jax.models import lm
from tests.decode import runs
from tests.models import tiny

MASK, CUE = 9, (3, 7)


def laws(logits):
  logits = np.asarray(logits, float)
  return logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)


def divergence(logits, masked, temperature):
  """KL(Q || P) in float64."""
  p, q = laws(logits), laws(np.asarray(masked, float) / temperature)
  return np.sum(np.exp(q) * (q - p), axis=-1)


def read(model, params, texts):
  return np.asarray(
    tiny.jit(lambda p, *x: lm.forward(model, p, *x).logits)(
      params, *tiny.whole(texts)
    )
  )


def run(scorer):
  model, params = runs.make()
  return (
    model,
    params,
    runs.run(model, {"policy": params, "verifier": params}, scorer(model)),
  )


def expected(stage, values, first=None):
  """Means [B, N] of `values` [B * N, t] at the laws of the rows' tokens."""
  found = np.zeros(stage.after.length.shape)
  values = values.reshape(*found.shape, -1)
  for b, n in np.ndindex(*found.shape):
    start = runs.LENGTHS[b] - 1
    count = stage.after.length[b, n]
    count = count if first is None else min(count, first)
    found[b, n] = values[b, n, start : start + count].mean()
  return found


def test_certainty_of_rows_as_they_grow():
  model, params, stages = run(lambda m: signals.LawScorer(m, chunk=3))
  for stage in stages:
    logits = read(model, params, runs.flat_texts(stage.after)[0])
    want = expected(
      stage, np.asarray(certainty.self_certainty(jnp.asarray(logits)))
    )
    np.testing.assert_allclose(stage.output.score, want, rtol=1e-4)
    np.testing.assert_array_equal(
      stage.output.verifier_tokens, stage.output.num_tokens
    )
  assert np.std(want) > 1e-3


def test_a_reader_who_does_not_know_the_question():
  def statistic(logits, masked):
    return signals.reference_divergence(logits, masked, 4.0)

  model, params, stages = run(
    lambda m: signals.LawScorer(
      m, statistic, (signals.blank(MASK),), first=3, chunk=2
    )
  )
  for stage in stages:
    texts = runs.flat_texts(stage.after)[0]
    blind = texts.copy()
    for i, start in enumerate(np.repeat(runs.LENGTHS, runs.ROWS)):
      blind[i, :start] = MASK
    values = divergence(
      read(model, params, texts), read(model, params, blind), 4.0
    )
    want = expected(stage, values, first=3)
    np.testing.assert_allclose(stage.output.score, want, rtol=1e-3, atol=1e-6)
    np.testing.assert_array_equal(
      stage.output.verifier_tokens, 2 * stage.output.num_tokens
    )
  assert np.std(want) > 1e-4
  assert (stages[-1].after.length > 3).any()


def test_limits_of_the_divergence():
  rng = np.random.default_rng(0)
  logits, masked = jnp.asarray(rng.normal(size=(2, 30, 7)), jnp.float32)
  found = signals.reference_divergence(logits, masked, 2.0)
  np.testing.assert_allclose(found, divergence(logits, masked, 2.0), rtol=1e-4)
  assert (found > 0).all()
  same = signals.reference_divergence(logits, logits + 5, 1.0)
  np.testing.assert_allclose(same, 0, atol=1e-6)
  flat = signals.reference_divergence(logits, masked, np.inf)
  np.testing.assert_allclose(flat, certainty.self_certainty(logits), rtol=1e-5)


def answer_entropies(model, params, rows, answer):
  """[B * N] by reading whole texts, a token of the answer at a time."""
  texts, length = runs.flat_texts(rows)
  texts = np.pad(texts, ((0, 0), (0, len(CUE) + answer)))
  every = np.arange(len(texts))
  for token in CUE:
    texts[every, length] = token
    length = length + 1
  total = 0
  for _ in range(answer):
    log_p = laws(read(model, params, texts)[every, length - 1])
    total = total - np.sum(np.exp(log_p) * log_p, axis=-1)
    texts[every, length] = log_p.argmax(axis=-1)
    length = length + 1
  return total / answer


def test_entropy_of_the_answer_it_would_give():
  rise = 0.02
  model, params, stages = run(
    lambda m: signals.AnswerEntropy(m, CUE, answer=2, back=1, rise=rise)
  )
  pruned = rows = 0
  past = None
  for index, stage in enumerate(stages):
    entropy = answer_entropies(model, params, stage.after, 2)
    entropy = entropy.reshape(stage.after.length.shape)
    wrote = stage.output.num_tokens > 0
    fell = np.zeros_like(wrote)
    if past is not None:
      fell = entropy - past > rise
    score = np.asarray(stage.output.score)
    np.testing.assert_array_equal(np.isneginf(score)[wrote], fell[wrote])
    kept = wrote & ~fell
    np.testing.assert_allclose(-score[kept], entropy[kept], rtol=1e-4)
    spent = np.where(wrote, stage.output.num_tokens + len(CUE) + 1, 0)
    np.testing.assert_array_equal(stage.output.verifier_tokens, spent)
    pruned += (wrote & fell).sum()
    rows += kept.sum()
    if index < len(runs.FORKS):
      parents = np.asarray(runs.FORKS[index])
      past = np.take_along_axis(entropy, parents, axis=1)
  assert rows > 5
  assert pruned > 0


def test_bad_fields():
  model, _ = runs.make()
  with pytest.raises(errors.UserError, match="first and chunk"):
    signals.LawScorer(model, first=-1)
  with pytest.raises(errors.UserError, match="cue, answer and back"):
    signals.AnswerEntropy(model, ())


def test_masks():
  prompts, length = jnp.array([[4, 5, 0]]), jnp.array([2])
  got, same = signals.blank(MASK)(prompts, length)
  np.testing.assert_array_equal(got, [[MASK] * 3])
  assert same is length
