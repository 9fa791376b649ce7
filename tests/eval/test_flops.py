"""Operations of a search, by hand, token by token, and by XLA."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.eval import flops
from prm_jax.models import cache, lm
from prm_jax.search import base
from tests.models import tiny

POLICY = tiny.config()
VERIFIER = tiny.config(num_layers=1, value_head="scalar", use_lm_head=False)
# Of the tiny trunk, by hand: q and out 2 * 16*24, k and v 2 * 16*12, three of
# 16*24 in the feed-forward block; 4 heads of 6.
LAYER = 2 * 16 * 24 + 2 * 16 * 12 + 3 * 16 * 24
HEAD = 11 * 16


def make_cost(policy_tokens, verifier_tokens):
  zeros = np.zeros_like(policy_tokens)
  return base.Cost(policy_tokens, verifier_tokens, zeros, zeros, zeros)


def test_a_second_policy_has_its_own_price():
  cost = make_cost(np.array([9]), np.array([0]))
  cost = cost._replace(target_tokens=np.array([5]))
  rows = np.array([4]), np.array([[3, 3]])
  wide = tiny.config(embed_dim=32)
  found = flops.of_search(cost, *rows, POLICY, target=wide)
  alone = flops.of_search(
    cost._replace(policy_tokens=np.array([5])), *rows, wide
  )
  assert found.target == alone.policy
  assert found.target_prompt == alone.policy_prompt
  assert found[:4] == flops.of_search(cost, *rows, POLICY)[:4]
  assert found.total == sum(found)


def test_a_token_by_hand():
  found = flops.token(POLICY.transformer, np.array([1, 10]))
  expected = [2 * 2 * LAYER + 4 * 2 * 24 * seen for seen in (1, 10)]
  assert found.tolist() == expected


def test_sampling_is_counted_token_by_token():
  """Two problems, rows of unequal length, a verifier that reads them all."""
  prompt_length = np.array([3, 7])
  length = np.array([[5, 0, 2], [4, 6, 1]])
  total = length.sum(axis=1)
  found = flops.of_search(
    make_cost(total, total),
    prompt_length,
    length,
    POLICY,
    VERIFIER,
  )
  for i, (prompt, rows) in enumerate(zip(prompt_length, length, strict=True)):
    read = sum(2 * 2 * LAYER + 4 * 2 * 24 * (t + 1) for t in range(prompt))
    written = sum(
      2 * (2 * LAYER + HEAD) + 4 * 2 * 24 * (prompt + t + 1)
      for row in rows
      for t in range(row)
    )
    # The verifier has half the layers and no LM head.
    judged = sum(
      2 * LAYER + 4 * 24 * (prompt + t + 1) for row in rows for t in range(row)
    )
    parts = (read, written, read / 2, judged, 0, 0)
    np.testing.assert_allclose([part[i] for part in found], parts, rtol=1e-12)
    np.testing.assert_allclose(found.total[i], sum(parts), rtol=1e-12)


def test_the_trunks_own_count_is_the_same():
  """With the head, a token costs what the config says."""
  trunk = POLICY.transformer
  found = flops.token(trunk, np.array([9])) + 2 * HEAD
  assert found[0] == trunk.forward_flops(9)


def test_a_head_on_the_policys_trunk_costs_nothing_more():
  cost = make_cost(np.array([10]), np.array([0]))
  found = flops.of_search(cost, np.array([2]), np.array([[4, 6]]), POLICY)
  assert found.verifier_prompt == found.verifier == 0
  assert found.total == found.policy_prompt + found.policy


def test_tokens_read_by_nobody():
  cost = make_cost(np.array([10]), np.array([1]))
  with pytest.raises(ValueError, match="verifier"):
    flops.of_search(cost, np.array([2]), np.array([[4, 6]]), POLICY)


@pytest.mark.parametrize("window", [1, 4, 8, 100])
def test_a_window_is_all_that_a_token_sees(window):
  policy = tiny.config(sliding_window=window)
  prompt_length, length = np.array([5, 2]), np.array([[6, 0, 3], [1, 1, 9]])
  found = flops.of_search(
    make_cost(length.sum(axis=1), np.zeros(2, int)),
    prompt_length,
    length,
    policy,
  )
  for i, (prompt, rows) in enumerate(zip(prompt_length, length, strict=True)):
    seen = sum(min(window, prompt + t + 1) for row in rows for t in range(row))
    own = 2 * (2 * LAYER + HEAD) * rows.sum() + 4 * 2 * 24 * seen
    np.testing.assert_allclose(found.policy[i], own, rtol=1e-12)
    seen = sum(min(window, t + 1) for t in range(prompt))
    own = 2 * 2 * LAYER * prompt + 4 * 2 * 24 * seen
    np.testing.assert_allclose(found.policy_prompt[i], own, rtol=1e-12)


def test_no_token_was_written():
  nobody = np.zeros((1, 3), int)
  assert flops.mean_context(np.array([4]), nobody).tolist() == [0]
  cost = make_cost(np.array([0]), np.array([0]))
  found = flops.of_search(cost, np.array([4]), nobody, POLICY)
  assert found.policy == 0
  assert found.policy_prompt > 0


WIDE = tiny.config(vocab_size=256, embed_dim=128, head_dim=32, mlp_dim=384)


def measured(function, *arguments):
  """XLA's count of the compiled function, elementwise operations included."""
  compiled = jax.jit(function).lower(*arguments).compile()
  return compiled.cost_analysis()["flops"]


def test_a_decoding_step_is_what_xla_counts():
  """All cache slots are computed, so they are the context. Within 2 %."""
  model = lm.Model(WIDE)
  rows, prompt_slots, slots = 6, 8, 24
  params = nn.unbox(tiny.boxed(model))
  trunk = WIDE.transformer
  prompts = jnp.ones((1, prompt_slots), jnp.int32)
  length = jnp.full(1, prompt_slots)
  hidden, shared = jax.eval_shape(
    lambda p: lm.read_prompts(model, p, prompts, length), params
  )
  hidden = jax.ShapeDtypeStruct((1, rows, trunk.embed_dim), hidden.dtype)

  def step(params, hidden, shared, own):
    token = jnp.argmax(lm.logits(model, params, hidden), axis=-1)
    num_new = jnp.ones((1, rows), jnp.int32)
    return lm.extend_rows(model, params, token[..., None], num_new, shared, own)

  own = jax.eval_shape(
    lambda: cache.CONTIGUOUS.empty_rows(trunk, 1, rows, slots)
  )
  found = measured(step, params, hidden, shared, own)
  context = np.array([float(prompt_slots + slots)])
  head = 2 * trunk.vocab_size * trunk.embed_dim
  want = rows * (flops.token(trunk, context)[0] + head)
  assert found == pytest.approx(want, rel=0.02)


def test_reading_a_prompt_is_what_xla_counts():
  """Every token is computed against all P, not only those before. 2 %."""
  model = lm.Model(WIDE)
  size = 32
  params = nn.unbox(tiny.boxed(model))
  prompts, length = jnp.ones((1, size), jnp.int32), jnp.full(1, size)
  found = measured(lambda p: lm.read_prompts(model, p, prompts, length), params)
  trunk = WIDE.transformer
  want = size * flops.token(trunk, np.array([size]))[0]
  assert found == pytest.approx(want, rel=0.02)
  # The causal half of the attention is what is needed.
  unseen = size * (size - 1) / 2 * 4 * 2 * 4 * 32
  assert flops.prompt(trunk, np.array([size]))[0] == want - unseen
