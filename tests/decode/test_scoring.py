"""Scores at step ends, read as the rows grow, against whole texts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.decode import score, scoring
from prm_jax.models import heads
from tests.decode import runs
from tests.models import tiny


def at_row_ends(values, rows):
  """[B, N, t] -> [B, N] at each row's last token."""
  place = runs.LENGTHS[:, None] + rows.length - 1
  return np.take_along_axis(values, place[..., None], axis=-1)[..., 0]


@pytest.mark.parametrize("chunk", [2, runs.MAX_STEP])
def test_second_model_reads_new_steps_alone(chunk):
  policy, own = runs.make()
  verifier, other = runs.make(1, value_head="token", use_lm_head=False)
  scorer = scoring.ModelScorer(verifier, chunk)
  stages = runs.run(policy, {"policy": own, "verifier": other}, scorer)
  whole = tiny.jit(lambda p, x, n: score.prefix_scores(verifier, p, x, n))
  for stage in stages:
    texts, length = map(jnp.asarray, runs.flat_texts(stage.after))
    want = np.asarray(whole(other, texts, length))
    want = want.reshape(*stage.after.length.shape, -1)
    np.testing.assert_allclose(
      stage.output.score, at_row_ends(want, stage.after), atol=1e-5
    )
    np.testing.assert_array_equal(
      stage.output.verifier_tokens, stage.output.num_tokens
    )
  assert np.std(stages[0].output.score) > 1e-3


@pytest.mark.parametrize("head", ["scalar", "step"])
def test_head_on_the_policys_trunk(head):
  policy, params = runs.make(value_head=head, num_classes=3)
  scorer = scoring.TrunkScorer(policy)
  for stage in runs.run(policy, {"policy": params}, scorer):
    values = runs.uncached(policy, params, stage.after).values
    want = heads.to_probability(jnp.asarray(values), policy.config)
    np.testing.assert_allclose(
      stage.output.score, at_row_ends(np.asarray(want), stage.after), atol=1e-5
    )
    np.testing.assert_array_equal(stage.output.verifier_tokens, 0)


def test_host_is_asked_about_prompts_and_rows():
  """A value that depends on every argument comes back to its row."""
  policy, params = runs.make()
  slots = 5  # so that rows fill up within two steps

  def value(prompts, prompt_length, tokens, length):
    assert np.shape(tokens) == (len(runs.PROMPTS), runs.ROWS, slots)
    own = [
      int(np.sum(p[:n])) for p, n in zip(prompts, prompt_length, strict=True)
    ]
    total = np.sum(np.asarray(tokens), axis=-1) + 100 * np.asarray(length)
    return (np.asarray(own)[:, None] * 10_000 + total).astype(np.float32)

  stages = runs.run(
    policy, {"policy": params}, scoring.OracleScorer(value), slots=slots
  )
  prompt_sums = np.array([4 + 5 + 6, 7 + 8])
  for stage in stages:
    want = prompt_sums[:, None] * 10_000 + 100 * stage.after.length
    want = want + stage.after.tokens.sum(axis=-1)
    np.testing.assert_array_equal(stage.output.score, want)
    np.testing.assert_array_equal(stage.output.verifier_tokens, 0)
  last = stages[-1].after
  assert last.done.all()
  assert (last.length == slots).any()


def test_without_a_verifier_scores_are_0():
  policy, params = runs.make()
  found = jax.eval_shape(
    lambda p: scoring.NoScorer().start(p, runs.PROMPTS, runs.LENGTHS, 3, 4),
    params,
  )
  assert jax.tree.leaves(found) == []
  (stage, *_) = runs.run(policy, {"policy": params}, scoring.NoScorer())
  np.testing.assert_array_equal(stage.output.score, 0)
