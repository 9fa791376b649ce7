"""Speculative thinking: identity of equal policies, traces, their tokens."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax import errors
from prm_jax.search import best_of_n, handover
from tests.search import (
  reference,
  reference_speculative,
  tabular,
  test_early_rejection,
  test_speculative,
)

PROBLEMS, ROWS, WORD = 60, 5, 0
# Of the small and the large policy.
UNIFORMS = np.random.default_rng(1).random(
  (2, PROBLEMS, tabular.LENGTH, ROWS), np.float32
)
NEVER = handover.RecapRule(99, 0, 99)
# (when a recap is due, whether a first word of doubt is one of checking).
RULES = {
  "doubts": (NEVER, False),
  "checks": (NEVER, True),
  "recap after one": (handover.RecapRule(1, 5, 30), False),
  "recaps": (handover.RecapRule(0, 0, 0), False),  # the second one longer
}


def last_is_word(before, after):
  length = after["length"]
  place = jnp.maximum(length - 1, 0)[..., None]
  last = jnp.take_along_axis(after["tokens"], place, axis=-1)[..., 0]
  return (last == WORD) & (length > before["length"])


def first_is_word(before, after):
  return (before["length"] == 0) & last_is_word(before, after)


SENSES = handover.Senses(
  lambda before, after: -last_is_word(before, after).astype(jnp.int32),
  first_is_word,
)
DEAF = SENSES._replace(checks=lambda before, after: after["length"] < 0)


def thinking(small, large, rule=NEVER, senses=DEAF):
  """Steps of two tokens and a part more for a check or a longer recap."""
  halves = test_early_rejection.beginning
  writers = handover.Writers(
    preview=halves(small),
    large=halves(large),
    check=halves(large),
    recaps=(halves(large), halves(large)),
    rest=small,
  )
  return handover.speculative_thinking(writers, senses, rule)


def search(params, step_fn, root):
  return best_of_n.best_of_n(
    params, tabular.keys(PROBLEMS), root, step_fn, max_steps=tabular.LENGTH
  )


@functools.cache
def outputs():
  small, large = (test_speculative.scripted(i) for i in range(2))
  runs = {
    name: thinking(small, large, rule, SENSES if checks else DEAF)
    for name, (rule, checks) in RULES.items()
  }
  runs["same"] = thinking(small, small)
  rule, _ = RULES["recap after one"]
  runs["all same"] = thinking(small, small, rule, SENSES)

  @tabular.jit
  def every(params):
    root = tabular.root(PROBLEMS, ROWS)
    begun = handover.begin(root, root["length"])
    found = {
      name: search(params, step_fn, begun) for name, step_fn in runs.items()
    }
    both = test_early_rejection.both(small)
    return found, search(params, both, root)

  pairs = zip(test_speculative.tables(), jnp.asarray(UNIFORMS), strict=True)
  params = tuple(pairs)
  found, plain = jax.device_get(every(params))
  return found | {"plain": plain}


def texts(output):
  state = output.embedding
  state = state.embedding if hasattr(state, "embedding") else state
  return [[tuple(t[t >= 0]) for t in rows] for rows in state["tokens"]]


def test_a_large_policy_that_is_the_small_one_changes_nothing():
  found = outputs()
  same, plain = found["same"], found["plain"]
  assert texts(same) == texts(plain)
  for field in ("score", "num_steps", "done", "log_prob"):
    np.testing.assert_array_equal(getattr(same, field), getattr(plain, field))
  # But the previews with the word in them were written twice.
  kept = same.cost.policy_tokens - same.cost.discarded_tokens
  np.testing.assert_array_equal(kept, plain.cost.policy_tokens)
  assert (same.cost.discarded_tokens > 0).any()


def test_nor_do_checks_and_recaps_whose_words_are_its_own():
  """Steps are longer, texts are not."""
  found = outputs()
  assert texts(found["all same"]) == texts(found["plain"])
  assert found["all same"].embedding.recaps.sum() > 5
  assert (found["all same"].num_steps < found["plain"].num_steps).any()


def trace(uniforms, others, rule, checks):
  """A row: tokens, those thrown away, the large policy's; doubts, recaps."""
  row, thrown, large, doubts, recaps = (), [], [], 0, 0

  def by_large():
    nonlocal row
    law, uniform = reference_speculative.target(row), others[len(row)]
    large.append(reference_speculative.inverse(law, uniform))
    row = (*row, large[-1])

  while not tabular.done(row):
    if doubts >= min(rule.after + rule.more * recaps, rule.most):
      by_large()
      if recaps and not tabular.done(row):
        by_large()
      doubts, recaps = 0, recaps + 1
    else:
      first = reference.extend(row, uniforms[len(row)])
      if first[-1] == WORD:
        thrown.append(WORD)
        starts = not row
        by_large()
        doubts += large[-1] == WORD
        if checks and starts and large[-1] == WORD:
          by_large()
      else:
        row = first
    if not tabular.done(row):
      row = reference.extend(row, uniforms[len(row)])
  return row, thrown, large, doubts, recaps


@pytest.mark.parametrize("name", RULES)
def test_a_large_policy_writes_doubts_checks_and_recaps(name):
  found = outputs()[name]
  rule, checks = RULES[name]
  cost = lambda tokens: sum(test_speculative.TOKENS[t] for t in tokens)
  most = 0
  for b, own_texts in enumerate(texts(found)):
    rows = [trace(*UNIFORMS[:, b, :, n], rule, checks) for n in range(ROWS)]
    assert own_texts == [row for row, *_ in rows]
    own = jax.tree.map(lambda x, b=b: x[b], found.cost)
    thrown = sum(cost(tokens) for _, tokens, *_ in rows)
    assert own.discarded_tokens == thrown
    assert own.policy_tokens == thrown + sum(cost(row) for row, *_ in rows)
    assert own.target_tokens == sum(cost(large) for _, _, large, *_ in rows)
    for n, (row, _, _, doubts, recaps) in enumerate(rows):
      np.testing.assert_allclose(found.score[b, n], tabular.prm(row), rtol=1e-6)
      assert found.embedding.doubts[b, n] == doubts
      assert found.embedding.recaps[b, n] == recaps
      most = max(most, recaps)
  assert most == {"recap after one": 1, "recaps": 2}.get(name, 0)


def test_when_a_recap_is_due():
  """After 15, 20, 25, 30 and 30 doubts since the last."""
  rule, recaps = handover.RecapRule(), jnp.arange(5)
  at = jnp.array([15, 20, 25, 30, 30])
  assert np.asarray(rule.due(at, recaps)).all()
  assert not np.asarray(rule.due(at - 1, recaps)).any()
  for bad, told in (
    ({"after": -1}, "recap_after"),
    ({"more": -1}, "recap_more"),
    ({"after": 9, "most": 8}, "recap_most"),
  ):
    with pytest.raises(errors.UserError, match=f"search.{told}"):
      handover.RecapRule(**bad)
