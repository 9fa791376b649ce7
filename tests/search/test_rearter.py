"""The temporal-difference correction, by hand and inside of lookahead."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.search import best_of_n, lookahead, rearter
from tests.search import tabular

DEPTH = 2
RNG = np.random.default_rng(0)
SCORES = RNG.random((40, 5), np.float32)
COUNTS = RNG.integers(1, 6, 40).astype(np.int32)


def logit(p):
  return math.log(p) - math.log1p(-p)


def reference(scores, alpha=0.5, least=0.05):
  """As the paper lists it, on one list of probabilities."""
  logits = [logit(float(p)) for p in scores]
  stop = len(logits) - 1
  for t in range(len(logits) - 1):
    if logits[t + 1] - logits[t] < least:
      stop = t + 1
      break
  for t in reversed(range(stop)):
    logits[t] += alpha * (logits[t + 1] - logits[t])
  return 1 / (1 + math.exp(-logits[0]))


@pytest.mark.parametrize("alpha", [0.0, 0.3, 0.5, 1.0])
@pytest.mark.parametrize("least", [0.05, -math.inf])
def test_correction_as_listed(alpha, least):
  got = rearter.corrected(
    jnp.asarray(SCORES), jnp.asarray(COUNTS), alpha, least
  )
  want = [
    reference(row[:count], alpha, least)
    for row, count in zip(SCORES, COUNTS, strict=True)
  ]
  np.testing.assert_allclose(got, want, rtol=1e-5)
  if alpha == 0:
    np.testing.assert_allclose(got, SCORES[:, 0], rtol=1e-5)
  if alpha == 1 and least < 0:
    last = np.take_along_axis(SCORES, COUNTS[:, None] - 1, axis=1)[:, 0]
    np.testing.assert_allclose(got, last, rtol=1e-5)


def test_a_geometric_average_by_hand():
  # Log-odds 0, 1, 3, alpha 1/2: 1/2 * 0 + 1/4 * 1 + 1/4 * 3 = 1.
  scores = jax.nn.sigmoid(jnp.array([0.0, 1.0, 3.0]))
  got = rearter.corrected(scores, jnp.int32(3))
  np.testing.assert_allclose(got, jax.nn.sigmoid(1.0), rtol=1e-6)
  # 0, -1, 3 stops behind the first step: 1/2 * 0 + 1/2 * -1.
  scores = jax.nn.sigmoid(jnp.array([0.0, -1.0, 3.0]))
  got = rearter.corrected(scores, jnp.int32(3))
  np.testing.assert_allclose(got, jax.nn.sigmoid(-0.5), rtol=1e-6)


def test_equal_scores_stay():
  scores = jnp.full((4, 6), 0.37)
  got = rearter.corrected(scores, jnp.full(4, 6, jnp.int32))
  np.testing.assert_allclose(got, 0.37, rtol=1e-6)


def greedy_step_fn(params, rng_keys, embedding, active=None):
  del rng_keys
  token = jnp.argmax(params.log_q[embedding["code"]], axis=-1)
  return tabular.write(params, token, embedding, active)


def test_steps_are_judged_by_all_that_is_rolled_out():
  step_fn = lookahead.lookahead(
    tabular.step_fn,
    greedy_step_fn,
    DEPTH,
    judge_fn=functools.partial(rearter.corrected, alpha=0.5),
  )
  found = tabular.jit(
    lambda table, keys, root: best_of_n.best_of_n(
      table, keys, root, step_fn, max_steps=tabular.LENGTH
    )
  )(tabular.table(), tabular.keys(40), tabular.root(40, 3))
  found = jax.device_get(found)
  differs = 0
  for b, n in np.ndindex(40, 3):
    tokens = found.embedding["tokens"][b, n]
    row = tuple(tokens[tokens >= 0].tolist())
    for t in range(len(row)):
      ahead = [row[: t + 1]]
      while len(ahead) <= DEPTH and not tabular.done(ahead[-1]):
        token = int(np.argmax(tabular.policy(ahead[-1])))
        ahead.append((*ahead[-1], token))
      want = reference([tabular.prm(prefix) for prefix in ahead])
      np.testing.assert_allclose(found.step_scores[b, n, t], want, rtol=1e-5)
      differs += abs(want - tabular.prm(ahead[-1])) > 0.01
  assert differs > 50
