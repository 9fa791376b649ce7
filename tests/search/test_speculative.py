"""Drafts and rejections: laws by enumeration, traces, costs."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax import errors
from prm_jax.search import best_of_n, speculative
from tests.search import reference_speculative, tabular

# Problems come in blocks, each with a rule of its own for its drafts.
BLOCK, ROWS = 64, 100
RULES = {
  "draft": lambda score: 1.0,
  "half": lambda score: float(score >= 0.5),
  "paper": lambda score: float(score >= 0.7),
  "score": lambda score: score,
  "target": lambda score: 0.0,
}
DELTAS = np.repeat([0.0, 0.5, 0.7, np.nan, 1.1], BLOCK)[:, None]
PROBLEMS = len(DELTAS)
TOKENS = (1, 2, 5)


def tables():
  return (
    tabular.table(tokens=TOKENS),
    tabular.table(temperature=reference_speculative.SHARP, tokens=TOKENS),
  )


def of(index, step_fn):
  """The step function of one of the two policies in `params`."""
  return lambda params, *rest: step_fn(params[index], *rest)


def weight(score):
  deltas = jnp.asarray(DELTAS)
  by_delta = speculative.at_least(deltas)(score)
  return jnp.where(jnp.isnan(deltas), speculative.by_score(score), by_delta)


def with_targets_keys(params, keys, *rest):
  fold = lambda key: jax.random.fold_in(key, speculative.TARGET)
  return tabular.step_fn(params[1], jax.vmap(fold)(keys), *rest)


@functools.cache
def sampled():
  """All rules and both policies by themselves, in one program."""
  runs = {
    "rules": speculative.reward_guided(
      of(0, tabular.step_fn), of(1, tabular.step_fn), weight
    ),
    "draft": of(0, tabular.step_fn),
    "target": with_targets_keys,
  }

  @tabular.jit
  def search(params, keys, root):
    return {
      name: best_of_n.best_of_n(
        params, keys, root, step_fn, max_steps=tabular.LENGTH
      )
      for name, step_fn in runs.items()
    }

  found = search(tables(), tabular.keys(PROBLEMS), tabular.root(PROBLEMS, ROWS))
  return jax.device_get(found)


def block(name, leaf):
  start = list(RULES).index(name) * BLOCK
  return leaf[start : start + BLOCK]


@pytest.mark.parametrize("name", RULES)
def test_the_law_of_solutions(name):
  code = block(name, sampled()["rules"].embedding["code"])
  got = (code.reshape(-1)[:, None] == tabular.codes()).mean(axis=0)
  want = reference_speculative.law(RULES[name])
  np.testing.assert_allclose(want.sum(), 1)
  bound = 4.5 * np.sqrt(want * (1 - want) / code.size)
  assert (np.abs(got - want) <= bound).all()


def test_the_laws_differ():
  laws = [reference_speculative.law(rule) for rule in RULES.values()]
  for i, one in enumerate(laws):
    for other in laws[:i]:
      assert np.abs(one - other).sum() > 0.05


@pytest.mark.parametrize("name", ["draft", "target"])
def test_limits_are_the_policies_token_for_token(name):
  both, alone = sampled()["rules"], sampled()[name]
  for field in ("embedding", "step_scores", "num_steps", "score", "log_prob"):
    jax.tree.map(
      lambda x, y: np.testing.assert_array_equal(
        block(name, x), block(name, y)
      ),
      getattr(both, field),
      getattr(alone, field),
    )


def test_costs_of_the_limits():
  both, plain = sampled()["rules"].cost, sampled()["draft"].cost
  for mine, theirs in zip(both, plain, strict=True):
    np.testing.assert_array_equal(block("draft", mine), block("draft", theirs))
  target = block("target", both.target_tokens)
  alone = block("target", sampled()["target"].cost.policy_tokens)
  np.testing.assert_array_equal(target, alone)
  policy = block("target", both.policy_tokens)
  np.testing.assert_array_equal(
    block("target", both.discarded_tokens), policy - target
  )


def scripted(index):
  """Tokens of a policy by its own uniforms [B, T, N], as `params` have them."""

  def step_fn(params, keys, embedding, active=None):
    del keys
    model, uniforms = params[index]
    place = jnp.minimum(embedding["length"], tabular.LENGTH - 1)
    uniform = jnp.take_along_axis(uniforms, place[:, None], axis=1)[:, 0]
    law = jnp.exp(model.log_q[embedding["code"]])
    below = uniform[..., None] >= jnp.cumsum(law, axis=-1)[..., :-1]
    token = jnp.sum(below, axis=-1, dtype=jnp.int32)
    return tabular.write(model, token, embedding, active)

  return step_fn


def test_trace_on_scripted_uniforms():
  rng = np.random.default_rng(0)
  uniforms = rng.random((2, 50, tabular.LENGTH, 6), np.float32)
  step_fn = speculative.reward_guided(
    scripted(0), scripted(1), speculative.at_least(0.5)
  )
  found = tabular.jit(
    lambda params: best_of_n.best_of_n(
      params,
      tabular.keys(50),
      tabular.root(50, 6),
      step_fn,
      max_steps=tabular.LENGTH,
    )
  )(tuple(zip(tables(), jnp.asarray(uniforms), strict=True)))
  found = jax.device_get(found)
  cost = lambda tokens: sum(TOKENS[token] for token in tokens)
  for b in range(50):
    rows = [
      reference_speculative.trace(*uniforms[:, b, :, n], 0.5) for n in range(6)
    ]
    texts = [tuple(t[t >= 0]) for t in found.embedding["tokens"][b]]
    assert texts == [row for row, _, _ in rows]
    vain = sum(cost(tokens) for _, tokens, _ in rows)
    kept = sum(cost(row) for row, _, _ in rows)
    again = sum(
      cost(token for token, is_new in zip(row, anew, strict=True) if is_new)
      for row, _, anew in rows
    )
    own = jax.tree.map(lambda x, b=b: x[b], found.cost)
    assert own.policy_tokens == own.verifier_tokens == vain + kept
    assert own.discarded_tokens == vain
    assert own.target_tokens == again > 0
    for n, (row, _, _) in enumerate(rows):
      want = [tabular.prm(row[: i + 1]) for i in range(len(row))]
      got = found.step_scores[b, n, : len(row)]
      np.testing.assert_allclose(got, want, rtol=1e-6)


def test_weights():
  score = jnp.array([jnp.nan, 0.2, 0.7, 1.0, 1.5, -1.0])
  rule = speculative.weight_by_name("threshold", 0.7)
  np.testing.assert_array_equal(rule(score), [0, 0, 1, 1, 1, 0])
  rule = speculative.weight_by_name("score", 0.7)
  np.testing.assert_allclose(rule(score), [0, 0.2, 0.7, 1, 1, 0])
  with pytest.raises(errors.UserError, match=r"'best'.*threshold, score"):
    speculative.weight_by_name("best", 0.7)
