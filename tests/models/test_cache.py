"""Cached decoding is the uncached forward, whatever rows do in between."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.models import cache, lm
from tests.models import tiny

PROBLEMS, ROWS, CHUNK, PROMPT, SLOTS = 2, 3, 4, 5, 9
CONFIGS = {
  "grouped": {},
  "bias, norm, untied": {
    "use_qkv_bias": True, "use_qk_norm": True, "tie_embeddings": False,
    "value_head": "token",
  },
  "one kv head": {"num_kv_heads": 1, "use_qk_norm": True},
  "window": {"sliding_window": 3, "rope_scaling": "llama3", "rope_factor": 4.0},
}  # fmt: skip


@functools.cache
def programs(name):
  """(parameters, read, extend, take, uncached logits), each compiled once."""
  model, params = tiny.make(**CONFIGS[name])
  read = tiny.jit(functools.partial(lm.read_prompts, model))

  def extend(params, tokens, num_new, prompt, rows):
    hidden, rows = lm.extend_rows(model, params, tokens, num_new, prompt, rows)
    return lm.logits(model, params, hidden), rows

  def forward(params, tokens):
    return lm.forward(model, params, *tiny.whole(tokens)).logits

  return model, params, read, tiny.jit(extend), tiny.jit(forward)


take = tiny.jit(cache.take)


class Session:
  """The cache beside the texts it should stand for."""

  def __init__(self, name, seed):
    self.rng = np.random.default_rng(seed)
    model, self.params, read, self.extend, self.forward = programs(name)
    length = self.rng.integers(1, PROMPT + 1, PROBLEMS)
    prompts = self.rng.integers(1, tiny.VOCAB, (PROBLEMS, PROMPT))
    self.hidden, self.prompt = read(
      self.params, jnp.asarray(prompts), jnp.asarray(length)
    )
    self.rows = cache.CONTIGUOUS.empty_rows(
      model.config.transformer, PROBLEMS, ROWS, SLOTS
    )
    self.texts = [
      [list(prompts[b, : length[b]]) for _ in range(ROWS)]
      for b in range(PROBLEMS)
    ]
    self.start = length
    self.model = model

  def write(self):
    """Appends 0..CHUNK tokens to each row; yields (text, logits) to compare."""
    room = SLOTS - np.asarray(self.rows.length)
    count = np.minimum(self.rng.integers(0, CHUNK + 1, room.shape), room)
    tokens = self.rng.integers(1, tiny.VOCAB, (PROBLEMS, ROWS, CHUNK))
    logits, self.rows = self.extend(
      self.params,
      jnp.asarray(tokens),
      jnp.asarray(count, jnp.int32),
      self.prompt,
      self.rows,
    )
    for b, n in np.ndindex(PROBLEMS, ROWS):
      self.texts[b][n] = self.texts[b][n] + list(tokens[b, n, : count[b, n]])
    return count, np.asarray(logits)

  def fork(self):
    parents = self.rng.integers(0, ROWS, (PROBLEMS, ROWS))
    self.rows = take(self.rows, jnp.asarray(parents, jnp.int32))
    self.texts = [
      [self.texts[b][parent] for parent in parents[b]] for b in range(PROBLEMS)
    ]

  def uncached(self):
    """[B, N, t, v]; a causal model does not see the padding behind."""
    flat = np.zeros((PROBLEMS * ROWS, PROMPT + SLOTS), np.int32)
    for i, text in enumerate(itertools.chain(*self.texts)):
      flat[i, : len(text)] = text
    logits = np.asarray(self.forward(self.params, flat))
    return logits.reshape(PROBLEMS, ROWS, *logits.shape[1:])


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("seed", range(4))
def test_rows_are_what_an_uncached_forward_says(name, seed):
  session = Session(name, seed)
  compared = 0
  for _ in range(5):
    count, logits = session.write()
    want = session.uncached()
    for b, n in np.ndindex(PROBLEMS, ROWS):
      new, end = count[b, n], len(session.texts[b][n])
      np.testing.assert_allclose(
        logits[b, n, :new], want[b, n, end - new : end], atol=1e-5
      )
      compared += new
      assert session.rows.length[b, n] == end - session.start[b]
    session.fork()
  assert compared > 20


def test_prompt_ends_in_the_hidden_state_of_its_last_token():
  session = Session("grouped", 7)
  got = lm.logits(session.model, session.params, session.hidden)
  want = session.uncached()
  for b in range(PROBLEMS):
    np.testing.assert_allclose(
      got[b], want[b, 0, session.start[b] - 1], atol=1e-5
    )


def test_row_that_writes_nothing_is_untouched():
  session = Session("grouped", 3)
  session.write()
  before = session.rows
  tokens = jnp.ones((PROBLEMS, ROWS, CHUNK), jnp.int32)
  num_new = jnp.zeros((PROBLEMS, ROWS), jnp.int32).at[1, 2].set(1)
  _, after = session.extend(
    session.params, tokens, num_new, session.prompt, before
  )
  for old, new in zip(
    jax.tree.leaves(before), jax.tree.leaves(after), strict=True
  ):
    np.testing.assert_array_equal(old[0], new[0])
    np.testing.assert_array_equal(old[1, :2], new[1, :2])
    assert np.any(np.asarray(old[1, 2]) != np.asarray(new[1, 2]))


def test_tokens_beyond_the_slots_are_dropped():
  session = Session("grouped", 5)
  slots = session.rows.layers[0].value.shape[3]
  full = session.rows._replace(
    length=jnp.full((PROBLEMS, ROWS), slots - 1, jnp.int32)
  )
  tokens = jnp.ones((PROBLEMS, ROWS, CHUNK), jnp.int32)
  two = jnp.full((PROBLEMS, ROWS), 2, jnp.int32)
  _, after = session.extend(session.params, tokens, two, session.prompt, full)
  for old, new in zip(full.layers, after.layers, strict=True):
    np.testing.assert_array_equal(old.key[..., :-1], new.key[..., :-1])
    assert np.all(np.any(np.asarray(new.key[..., -1]) != 0, axis=-1))


def test_layers_that_stand_apart_say_the_same():
  session = Session("grouped", 6)
  tokens = jnp.arange(PROBLEMS * ROWS * CHUNK).reshape(PROBLEMS, ROWS, CHUNK)
  num = jnp.full((PROBLEMS, ROWS), CHUNK, jnp.int32)
  apart = lm.unstack(session.params)
  assert set(apart["params"]["trunk"]["layers"]) == {"0", "1"}
  stacked, one = (
    session.extend(params, tokens % 7, num, session.prompt, session.rows)
    for params in (session.params, apart)
  )
  for old, new in zip(
    jax.tree.leaves(stacked), jax.tree.leaves(one), strict=True
  ):
    np.testing.assert_array_equal(old, new)
  again = lm.unstack(apart)
  assert jax.tree.structure(again) == jax.tree.structure(apart)
