"""Two policies in one state: what each writes is as its whole text says."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax import errors
from prm_jax.build.methods import speculative
from prm_jax.decode import pens, sampling, score, scoring, state, step
from prm_jax.models import cache, paged
from prm_jax.search import speculative as speculative_lib
from tests.decode import runs
from tests.models import tiny

SHARP = sampling.SamplerConfig(temperature=0.7)


@functools.cache
def models():
  """Policy, target of another width, verifier; and their parameters."""
  made = (
    runs.make(),
    runs.make(2, embed_dim=8),
    runs.make(1, value_head="token", use_lm_head=False),
  )
  names = ("policy", "target", "verifier")
  params = {name: m[1] for name, m in zip(names, made, strict=True)}
  return *(m[0] for m in made), params


def factory(layout=cache.CONTIGUOUS):
  policy, target, verifier, _ = models()
  scorer = scoring.ModelScorer(verifier, 3, layout=layout)
  return step.StepFactory(policy, scorer, SHARP, runs.FORMAT, target=target)


def stages(step_fn, layout=cache.CONTIGUOUS):
  """(before, output, after) of the steps between the forks, in numpy."""
  steps = factory(layout)
  _, target, _, params = models()
  root = functools.partial(
    state.root,
    steps.policy,
    num_rows=runs.ROWS,
    max_tokens=runs.SLOTS,
    scorer=steps.scorer,
    layout=layout,
    target=target,
  )
  run = tiny.jit(step_fn)
  now = tiny.jit(root)(
    params, jnp.asarray(runs.PROMPTS), jnp.asarray(runs.LENGTHS)
  )
  found = []
  for index, parents in enumerate((*runs.FORKS, None)):
    keys = jax.random.split(jax.random.key(index), len(runs.PROMPTS))
    output, after = run(params, keys, now)
    found.append(jax.device_get((now.rows, output, after.rows)))
    if parents is not None:
      now = state.take(after, jnp.asarray(parents, jnp.int32))
  assert not np.asarray(state.overflow(after)).any()
  return found


def log_laws(model, name, rows):
  """log q [B, N, t, v] of a model that reads the rows' texts whole."""
  logits = runs.uncached(model, models()[-1][name], rows).logits
  return np.asarray(sampling.log_law(jnp.asarray(logits), SHARP))


def assert_written(before, output, after, laws):
  """`laws[b, n]` [t, v] have written the step of row n."""
  for b, n in np.ndindex(*after.length.shape):
    start, end = before.length[b, n], after.length[b, n]
    place = runs.LENGTHS[b] + np.arange(start, end)
    own = laws[b, n][place - 1, after.tokens[b, n, start:end]]
    np.testing.assert_allclose(
      output.log_prob[b, n], own.sum(), rtol=1e-4, atol=1e-5
    )
    assert output.num_tokens[b, n] == end - start


@pytest.mark.parametrize("layout", [cache.CONTIGUOUS, paged.Paged(2)])
def test_each_step_is_of_the_policy_that_wrote_it(layout):
  steps = factory(layout)
  step_fn = speculative_lib.reward_guided(
    steps(), steps("target"), speculative_lib.at_least(0.8), state.revert
  )
  policy, target, verifier, params = models()
  anew = kept = 0
  for before, output, after in stages(step_fn, layout):
    drafted = log_laws(policy, "policy", after)
    rewritten = log_laws(target, "target", after)
    is_new = output.target_tokens > 0
    laws = np.where(is_new[..., None, None], rewritten, drafted)
    assert_written(before, output, after, laws)
    anew += is_new.sum()
    wrote = output.num_tokens > 0
    kept += (wrote & ~is_new).sum()
    assert (output.score[wrote & ~is_new] >= 0.8).all()
    np.testing.assert_array_equal(output.rejected_tokens > 0, is_new)
    np.testing.assert_array_equal(
      output.target_tokens,
      after.target.cache.length - before.target.cache.length,
    )
    texts, length = map(jnp.asarray, runs.flat_texts(after))
    want = score.prefix_scores(verifier, params["verifier"], texts, length)
    want = np.asarray(want)[np.arange(len(texts)), length - 1]
    np.testing.assert_allclose(
      output.score[wrote], want.reshape(wrote.shape)[wrote], atol=1e-5
    )
  assert anew > 5
  assert kept > 5


def test_tokens_of_both_policies_at_once():
  steps = factory()
  pen = pens.Reverse(steps.pen(), steps.pen("target"), 0.08)
  policy, target, _, _ = models()
  for before, output, after in stages(steps.written_by(pen)):
    student = log_laws(policy, "policy", after)
    teacher = log_laws(target, "target", after)
    laws = np.asarray(
      pens.reverse_law(jnp.asarray(teacher), jnp.asarray(student), 0.08)
    )
    assert_written(before, output, after, laws)
    np.testing.assert_array_equal(output.target_tokens, output.num_tokens)
  assert np.abs(np.exp(laws) - np.exp(teacher)).max() > 0.05
  assert np.abs(np.exp(laws) - np.exp(student)).max() > 0.05


def enumerated(teacher, student, threshold):
  """Every proposal, and every token drawn where it is refused."""
  law = np.zeros(len(teacher))
  for proposal, prob in enumerate(teacher):
    if student[proposal] >= threshold:
      law[proposal] += prob
      continue
    for token, other in enumerate(student):
      law[token] += prob * other
  return law


@pytest.mark.parametrize("threshold", [0.0, 0.05, 0.2, 1.1])
def test_reverse_law_by_enumeration(threshold):
  rng = np.random.default_rng(0)
  teacher, student = rng.dirichlet(np.full(7, 0.5), (2, 20))
  log_q = pens.reverse_law(
    jnp.log(jnp.asarray(teacher, jnp.float32)),
    jnp.log(jnp.asarray(student, jnp.float32)),
    threshold,
  )
  want = [
    enumerated(t, s, threshold) for t, s in zip(teacher, student, strict=True)
  ]
  np.testing.assert_allclose(np.exp(log_q), want, atol=1e-6)
  np.testing.assert_allclose(np.exp(log_q).sum(axis=-1), 1, atol=1e-5)
  if threshold == 0:
    np.testing.assert_allclose(np.exp(log_q), teacher, atol=1e-6)
  if threshold > 1:
    np.testing.assert_allclose(np.exp(log_q), student, atol=1e-6)


def test_a_second_policy_that_is_missing_or_cannot_be_judged():
  policy, target, _, _ = models()
  alone = step.StepFactory(policy, scoring.NoScorer(), SHARP, runs.FORMAT)
  with pytest.raises(errors.UserError, match="needs a second policy"):
    speculative.RewardGuided(2).bind(3, alone)
  with pytest.raises(errors.UserError, match="target: a value head"):
    step.StepFactory(
      policy, scoring.TrunkScorer(policy), SHARP, runs.FORMAT, target=target
    )
