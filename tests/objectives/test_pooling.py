"""Verdicts pooled over steps: by hand, monotone, and the three unit tests."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.eval import calibration
from prm_jax.objectives import pooling
from tests.objectives import minimise

LOGITS = jnp.array([[-1.0, 2.0, 0.5, 99.0]])
STEPS = jnp.array([[True, True, True, False]])
FORMS = ("max", "noisy_or", "log_mean_exp")
DIM, LONGEST = 16, 12


def test_by_hand():
  p = 1 / (1 + np.exp([1.0, -2.0, -0.5]))
  either = 1 - np.prod(1 - p)
  want = {
    "max": 2.0,
    "noisy_or": np.log(either / (1 - either)),
    "log_mean_exp": 0.5 * np.log(np.exp(np.array([-2, 4, 1.0])).mean()),
  }
  for form in FORMS:
    found = pooling.pool(LOGITS, STEPS, form=form, temperature=0.5)
    np.testing.assert_allclose(found, [want[form]], rtol=1e-5)


def test_noisy_or_neither_over_nor_underflows():
  for level in (-60.0, 60.0):
    given = jnp.full((1, 3), level)
    keep = jnp.ones((1, 3), bool)
    loss = lambda x, keep=keep: pooling.pool(x, keep, form="noisy_or")[0]
    assert np.isfinite(loss(given))
    assert np.isfinite(jax.grad(loss)(given)).all()


@pytest.mark.parametrize("form", FORMS)
def test_more_evidence_is_never_less(form):
  """And gradients are those of finite differences."""
  with jax.enable_x64(True):
    given = jnp.asarray(np.array(LOGITS), jnp.float64)
    loss = jax.jit(lambda x: pooling.pool(x, STEPS, form=form)[0])
    own = np.asarray(jax.grad(loss)(given))
    np.testing.assert_allclose(own, minimise.slopes(loss, given), atol=1e-7)
  assert (own >= 0).all()
  assert own[0, 3] == 0


def test_attention_may_fall_where_evidence_rises():
  """The slope is a (1 - 2 (g - pooled)) where attention is that of -2 g."""
  pooled = lambda g: pooling.attention(g, -2 * g, STEPS)[0]
  given = jnp.array([[1.0, -1.0, 0.0, 0.0]])
  share = np.exp([-2.0, 2.0, 0.0]) / np.exp([-2.0, 2.0, 0.0]).sum()
  mean = share[0] - share[1]
  slope = np.asarray(jax.grad(pooled)(given))
  assert slope[0, 0] < -0.04
  np.testing.assert_allclose(
    slope[0, 0], share[0] * (1 - 2 * (1 - mean)), rtol=1e-5
  )


def bags(rng, name, count, test):
  """Bags [n, k, d], masks and outcomes of one of the three unit tests."""
  x = np.zeros((count, LONGEST, DIM))
  keep = np.zeros((count, LONGEST), bool)
  outcome = np.arange(count) % 2
  for row in range(count):
    parts = _parts(rng, name, outcome[row] == 1, test)
    rows = np.concatenate([
      rng.normal(mean, spread, (number, DIM)) for number, mean, spread in parts
    ])[:LONGEST]  # fmt: skip
    x[row, : len(rows)], keep[row, : len(rows)] = rows, True
  return jnp.asarray(x), jnp.asarray(keep), jnp.asarray(outcome, float)


def _parts(rng, name, positive, test):
  """(number, mean, spread) of a bag's kinds of instances."""
  if name == "poison":
    found = [(rng.integers(1, 5 if positive else 10), 0, 1.0)]
    if positive:
      found.append((rng.integers(1, 4), 0, 3.0))
    return found + ([(1, -10, 0.1)] if positive == test else [])
  if name == "frequency":
    if positive:
      return [(1, -2, 0.1), (1, 2, 0.1)]
    number = LONGEST if test else 1
    return [(number, rng.choice([-2, 2]), 0.1)]
  kinds = [(rng.integers(1, 5), 2, 0.1), (rng.integers(1, 5), 3, 0.1)]
  return kinds if positive else [kinds[rng.integers(2)], (1, -10, 0.1)]


def features(x):
  """An instance's mean and variance over its numbers."""
  return jnp.stack([x.mean(axis=-1), x.var(axis=-1)], axis=-1) / 3


def fitted(name, pooled):
  """AUC of training and of test bags."""
  rng = np.random.default_rng(0)
  x, keep, outcome = bags(rng, name, 300, test=False)
  start = {"w": jnp.zeros((2, 2)), "b": jnp.zeros(2)}

  def loss(params):
    logits = features(x) @ params["w"] + params["b"]
    mean, _ = pooling.cross_entropy(
      pooled(logits, keep), outcome, jnp.ones(len(x))
    )
    return mean.total / mean.count + 1e-3 * jnp.sum(params["w"] ** 2)

  params = minimise.minimise(loss, start, steps=400)
  scored = []
  for given, mask, truth in (
    (x, keep, outcome),
    bags(rng, name, 300, test=True),
  ):
    logits = features(given) @ params["w"] + params["b"]
    found = np.asarray(pooled(logits, mask))
    scored.append(calibration.auroc(found, np.asarray(truth)))
  return scored


def by(form):
  fn = functools.partial(pooling.pool, form=form)
  return lambda logits, keep: fn(logits[..., 0], keep)


def attended(logits, keep):
  return pooling.attention(logits[..., 0], logits[..., 1], keep)


def test_poison_fools_attention_alone():
  """T1: a poison of negative bags is put into positive ones in the test."""
  for form in ("max", "noisy_or"):
    train, test = fitted("poison", by(form))
    assert min(train, test) > 0.8
  train, test = fitted("poison", attended)
  assert train > 0.95
  assert test < 0.5


def test_two_kinds_are_more_than_one_worst_step():
  """T2: wrong takes both kinds, which no single instance is."""
  for form in FORMS:
    assert max(fitted("kinds", by(form))) < 0.95
  assert min(fitted("kinds", attended)) > 0.95


def test_noisy_or_counts_instances():
  """T3: one of each of two kinds in training, many of one in the test."""
  train, test = fitted("frequency", by("noisy_or"))
  assert train > 0.95
  assert test < 0.05
