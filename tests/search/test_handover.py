"""Speculative thinking: identity of equal policies, a trace, its tokens."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from prm_jax.search import best_of_n, handover
from tests.search import (
  reference,
  reference_speculative,
  tabular,
  test_early_rejection,
  test_speculative,
)

PROBLEMS, ROWS, WORD = 60, 5, 1
UNIFORMS = np.random.default_rng(1).random(
  (PROBLEMS, tabular.LENGTH, ROWS), np.float32
)


def sense(before, after):
  """The last token written is the word."""
  length = after["length"]
  place = jnp.maximum(length - 1, 0)[..., None]
  last = jnp.take_along_axis(after["tokens"], place, axis=-1)[..., 0]
  return (last == WORD) & (length > before["length"])


def thinking(small, large):
  """Steps of two tokens, the first of which is the preview."""
  halves = test_early_rejection.beginning
  return handover.speculative_thinking(
    halves(small), halves(large), small, sense
  )


@functools.cache
def outputs():
  small, large = (test_speculative.scripted(i) for i in range(2))
  runs = {
    "two": thinking(small, large),
    "same": thinking(small, small),
    "plain": test_early_rejection.both(small),
  }

  @tabular.jit
  def search(params):
    return {
      name: best_of_n.best_of_n(
        params,
        tabular.keys(PROBLEMS),
        tabular.root(PROBLEMS, ROWS),
        step_fn,
        max_steps=2,
      )
      for name, step_fn in runs.items()
    }

  uniforms = jnp.asarray(UNIFORMS)
  params = tuple((table, uniforms) for table in test_speculative.tables())
  return jax.device_get(search(params))


def test_a_large_policy_that_is_the_small_one_changes_nothing():
  same, plain = outputs()["same"], outputs()["plain"]
  for field in ("embedding", "score", "num_steps", "done", "log_prob"):
    jax.tree.map(
      np.testing.assert_array_equal, getattr(same, field), getattr(plain, field)
    )
  # But the previews with the word in them were written twice.
  kept = same.cost.policy_tokens - same.cost.discarded_tokens
  np.testing.assert_array_equal(kept, plain.cost.policy_tokens)
  assert (same.cost.discarded_tokens > 0).any()


def trace(uniforms):
  """A row, the tokens thrown away and those of the large policy."""
  row, thrown, large = (), [], []
  while not tabular.done(row):
    first = reference.extend(row, uniforms[len(row)])
    if first[-1] == WORD:
      thrown.append(WORD)
      token = reference_speculative.inverse(
        reference_speculative.target(row), uniforms[len(row)]
      )
      large.append(token)
      first = (*row, token)
    row = first
    if not tabular.done(row):
      row = reference.extend(row, uniforms[len(row)])
  return row, thrown, large


def test_a_large_policy_writes_the_doubts():
  found = outputs()["two"]
  cost = lambda tokens: sum(test_speculative.TOKENS[t] for t in tokens)
  changed = 0
  for b in range(PROBLEMS):
    rows = [trace(UNIFORMS[b, :, n]) for n in range(ROWS)]
    texts = [tuple(t[t >= 0]) for t in found.embedding["tokens"][b]]
    assert texts == [row for row, _, _ in rows]
    own = jax.tree.map(lambda x, b=b: x[b], found.cost)
    thrown = sum(cost(tokens) for _, tokens, _ in rows)
    assert own.discarded_tokens == thrown
    assert own.policy_tokens == thrown + sum(cost(row) for row, _, _ in rows)
    assert own.target_tokens == sum(cost(large) for _, _, large in rows)
    for n, (row, _, _) in enumerate(rows):
      np.testing.assert_allclose(found.score[b, n], tabular.prm(row), rtol=1e-6)
    changed += any(WORD not in large for _, _, large in rows if large)
  assert changed > 5
