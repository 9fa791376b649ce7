"""A verifier with tokens of its own scores as if it read all anew."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.decode import sampling, score, state, step, text_scoring
from tests.decode import runs
from tests.models import tiny

VOCAB, TAG = 17, 16
UNREADABLE = (3, 6, 9)  # a row that begins so cannot be written
PROMPT_SLOTS, ROW_SLOTS = 4, 24


def prompt_fn(prompts, prompt_length):
  """The policy's ids backwards."""
  tokens = np.zeros((len(prompts), PROMPT_SLOTS), np.int32)
  for i, length in enumerate(prompt_length):
    tokens[i, :length] = prompts[i, :length][::-1]
  return tokens, prompt_length


def with_tags(tokens):
  """Other ids, and a tag behind every step, the last included."""
  found = []
  for token in tokens.tolist():
    found += [TAG] if token == runs.STEP else [(3 * token + 1) % TAG]
  return found if found[-1] == TAG else [*found, TAG]


def with_count(tokens):
  """The beginning depends on all that follows: nothing can be kept."""
  return [len(tokens) % TAG, *with_tags(tokens)]


def with_open_end(tokens):
  """A tag behind the last step alone: it goes when another step comes."""
  found = [token for token in with_tags(tokens) if token != TAG]
  return [*found, TAG]


def rows_of(write):
  def row_fn(prompts, prompt_length, tokens, length):
    assert prompts.shape == runs.PROMPTS.shape
    found = np.zeros((*length.shape, ROW_SLOTS), np.int32)
    ends = np.zeros(length.shape, np.int32)
    for b, n in np.ndindex(length.shape):
      own = tokens[b, n, : length[b, n]]
      if len(own) and own[0] not in UNREADABLE:
        own = write(own)
        found[b, n, : len(own)] = own
        ends[b, n] = len(own)
    return found, ends

  return row_fn


def make(write):
  verifier, params = tiny.make(
    2, vocab_size=VOCAB, num_layers=1, value_head="token", use_lm_head=False
  )
  scorer = text_scoring.TextScorer(
    verifier, prompt_fn, rows_of(write), PROMPT_SLOTS, ROW_SLOTS, chunk=3
  )
  return scorer, params


def read_anew(scorer, params, rows):
  """[B, N] scores of whole texts, 0 where there is none."""
  prompts, prompt_length = prompt_fn(runs.PROMPTS, runs.LENGTHS)
  written, ends = scorer.row_fn(
    runs.PROMPTS, runs.LENGTHS, np.asarray(rows.tokens), rows.length
  )
  shape = ends.shape
  texts = np.zeros((*shape, PROMPT_SLOTS + ROW_SLOTS), np.int32)
  for b, n in np.ndindex(shape):
    whole = [*prompts[b, : prompt_length[b]], *written[b, n, : ends[b, n]]]
    texts[b, n, : len(whole)] = whole
  length = (ends + prompt_length[:, None]).reshape(-1)
  whole = tiny.jit(
    lambda p, x, n: score.prefix_scores(scorer.verifier, p, x, n)
  )
  values = np.asarray(
    whole(params, jnp.asarray(texts.reshape(-1, texts.shape[-1])), length)
  )
  last = np.take_along_axis(values, length[:, None] - 1, axis=1)[:, 0]
  return np.where(ends > 0, last.reshape(shape), 0)


@pytest.mark.parametrize("write", [with_tags, with_count, with_open_end])
def test_scores_are_those_of_a_whole_reading(write):
  policy, own = runs.make()
  scorer, params = make(write)
  stages = runs.run(policy, {"policy": own, "verifier": params}, scorer)
  for stage in stages:
    want = read_anew(scorer, params, stage.after)
    np.testing.assert_allclose(stage.output.score, want, atol=1e-5)
  assert np.std(stages[-1].output.score) > 1e-3
  assert any((stage.output.score == 0).any() for stage in stages)


def test_only_what_is_new_is_read():
  """What is common to both texts stays, but for the token that is read."""
  policy, own = runs.make()
  scorer, params = make(with_tags)
  stages = runs.run(policy, {"policy": own, "verifier": params}, scorer)
  for stage in stages[:2]:
    (old, had), (new, end) = (
      scorer.row_fn(runs.PROMPTS, runs.LENGTHS, rows.tokens, rows.length)
      for rows in (stage.before, stage.after)
    )
    grew = stage.after.length > stage.before.length
    shared = (old == new) & (np.arange(ROW_SLOTS) < had[..., None])
    kept = np.minimum(np.cumprod(shared, axis=-1).sum(axis=-1), end - 1)
    want = np.where(grew & (end > 0), end - kept, 0)
    assert (kept > 1).any() == (stage is not stages[0])
    np.testing.assert_array_equal(stage.output.verifier_tokens, want)


@pytest.mark.parametrize("write", [with_tags, with_count])
def test_what_is_taken_back_is_read_again(write):
  """The cache then holds what the row no longer says."""
  policy, own = runs.make()
  scorer, params = make(write)
  every = {"policy": own, "verifier": params}
  sampler = sampling.SamplerConfig()
  step_fn = tiny.jit(step.make_step_fn(policy, scorer, sampler, runs.FORMAT))
  open_fn = functools.partial(
    state.root,
    policy,
    num_rows=runs.ROWS,
    max_tokens=runs.SLOTS,
    scorer=scorer,
  )
  prompts = (jnp.asarray(runs.PROMPTS), jnp.asarray(runs.LENGTHS))
  now = tiny.jit(open_fn)(every, *prompts)
  key = jax.random.key
  _, first = step_fn(every, jax.random.split(key(0), 2), now)
  _, second = step_fn(every, jax.random.split(key(1), 2), first)
  rejected = np.zeros(first.rows.done.shape, bool)
  rejected[:, ::2] = True
  back = state.revert(first, second, jnp.asarray(rejected))
  output, third = step_fn(every, jax.random.split(key(2), 2), back)
  rows = jax.device_get(third.rows)
  want = read_anew(scorer, params, rows)
  np.testing.assert_allclose(output.score, want, atol=1e-5)
