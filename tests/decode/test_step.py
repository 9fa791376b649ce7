"""Where steps end, what is drawn, and rows that are done."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.decode import sampling, scoring
from tests.decode import runs

SAMPLERS = {
  "policy": sampling.SamplerConfig(),
  "bent": sampling.SamplerConfig(temperature=1.4, top_k=7),
}


@pytest.fixture(scope="module")
def policy():
  return runs.make()


@pytest.fixture(scope="module", params=SAMPLERS)
def sampled(policy, request):
  """(sampler, stages) of plain sampling with forks."""
  model, params = policy
  sampler = SAMPLERS[request.param]
  scorer = scoring.NoScorer()
  return sampler, runs.run(model, {"policy": params}, scorer, sampler)


def test_steps_end_where_they_should(sampled):
  _, stages = sampled
  seen = {"eos": 0, "step": 0, "limit": 0, "full": 0}
  for stage in stages:
    for b, n, written in runs.each_row(stage):
      if stage.before.done[b, n]:
        assert len(written) == 0
        continue
      assert 1 <= len(written) <= runs.MAX_STEP
      assert not np.isin(written[:-1], [runs.EOS, runs.STEP]).any()
      full = stage.after.length[b, n] == runs.SLOTS
      ended = {
        "eos": written[-1] == runs.EOS,
        "step": written[-1] == runs.STEP,
        "limit": len(written) == runs.MAX_STEP,
        "full": full,
      }
      assert any(ended.values())
      assert stage.after.done[b, n] == (ended["eos"] or full)
      for name, value in ended.items():
        seen[name] += value
  assert min(seen.values()) > 0, seen


def test_tokens_and_log_probs_are_those_of_the_uncached_policy(policy, sampled):
  """Each token again: its uniform from the key, its law from a forward."""
  sampler, stages = sampled
  model, params = policy
  for stage in stages:
    logits = jnp.asarray(runs.uncached(model, params, stage.after).logits)
    log_q = np.asarray(sampling.log_law(logits, sampler))
    log_p = np.asarray(jax.nn.log_softmax(logits))
    for b, n, written in runs.each_row(stage):
      start = stage.before.length[b, n]
      key = jax.random.fold_in(stage.keys[b], n)
      total_q = total_p = 0.0
      for place, token in enumerate(written, start=start):
        uniform = jax.random.uniform(jax.random.fold_in(key, place))
        before = runs.LENGTHS[b] + place - 1
        law = log_q[b, n, before]
        assert int(sampling.draw(jnp.asarray(law), uniform)) == token
        total_q += law[token]
        total_p += log_p[b, n, before, token]
      assert stage.output.log_prob[b, n] == pytest.approx(total_q, abs=1e-4)
      assert stage.output.log_ratio[b, n] == pytest.approx(
        total_p - total_q, abs=1e-4
      )


def test_a_row_that_is_done_is_a_fixed_point(sampled):
  _, stages = sampled
  frozen = 0
  for stage in stages:
    rest = stage.before.done
    frozen += rest.sum()
    for name in ("log_prob", "log_ratio", "num_tokens", "verifier_tokens"):
      np.testing.assert_array_equal(getattr(stage.output, name)[rest], 0)
    assert stage.output.done[rest].all()
    # What is said of the step at hand is of no step at all.
    before, after = (x._replace(step=()) for x in (stage.before, stage.after))
    for old, new in zip(
      jax.tree.leaves(before), jax.tree.leaves(after), strict=True
    ):
      np.testing.assert_array_equal(old[rest], new[rest])
  assert frozen > 3


def test_counts(sampled):
  for stage in sampled[1]:
    written = stage.after.length - stage.before.length
    np.testing.assert_array_equal(stage.output.num_tokens, written)
    np.testing.assert_array_equal(stage.output.iterations, written.max(axis=1))
    np.testing.assert_array_equal(stage.output.done, stage.after.done)
    beyond = np.arange(runs.SLOTS) >= stage.after.length[..., None]
    assert not stage.after.tokens[beyond].any()


def test_temperature_0_writes_the_same_in_every_row(policy):
  model, params = policy
  sampler = sampling.SamplerConfig(temperature=0.0)
  (first, *_) = runs.run(model, {"policy": params}, scoring.NoScorer(), sampler)
  tokens = first.after.tokens
  np.testing.assert_array_equal(tokens, tokens[:, :1].repeat(runs.ROWS, 1))
  logits = runs.uncached(model, params, first.after).logits
  for b, n, written in runs.each_row(first):
    for place, token in enumerate(written):
      assert np.argmax(logits[b, n, runs.LENGTHS[b] + place - 1]) == token
