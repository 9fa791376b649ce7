"""What cross-entropy on outcomes makes of an implicit reward (2412.01981).

Outcomes have probabilities p(y) and the policy is a free table, so that the
least loss is known: as E_ref exp(r / beta) = 1 whatever the policy, it is not
r = logit p, but p - sigma(r) = c exp(r / beta) with one c for all responses.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize, special, stats

from prm_jax.objectives import implicit
from tests.objectives import minimise

BRANCH, DEPTH = 3, 3
LEAVES = BRANCH**DEPTH


def tree(seed):
  """log ref [leaves, depth] of each response's tokens, and p [leaves]."""
  rng = np.random.default_rng(seed)
  own = np.full(BRANCH, 3.0)
  tables = [rng.dirichlet(own, BRANCH**d) for d in range(DEPTH)]
  return np.log(path(tables)), 0.05 + 0.9 * rng.beta(1.5, 0.7, LEAVES)


def path(tables):
  """[leaves, depth] entries of tables [prefixes of d tokens, next token]."""
  leaf = np.arange(LEAVES)
  nodes = [leaf // BRANCH ** (DEPTH - d) for d in range(1, DEPTH + 1)]
  pairs = zip(tables, nodes, strict=True)
  xp = np if isinstance(tables[0], np.ndarray) else jnp
  return xp.stack([table.reshape(-1)[node] for table, node in pairs], 1)


def least(weight, p, beta):
  """The reward [leaves] of the least loss, by its equation with c > 0."""

  def reward(c):
    low, high = np.full(LEAVES, -1e3), special.logit(p)
    for _ in range(80):
      middle = (low + high) / 2
      with np.errstate(over="ignore"):
        over = special.expit(middle) + c * np.exp(middle / beta) > p
      low, high = np.where(over, low, middle), np.where(over, middle, high)
    return low

  def log_mass(log_c):
    return special.logsumexp(reward(np.exp(log_c)) / beta, b=weight)

  return reward(np.exp(optimize.brentq(log_mass, -60, 5)))


def after_prefixes(values, weight):
  """E_ref[values | first t tokens], [leaves, depth]."""
  columns = []
  for d in range(1, DEPTH + 1):
    shape = (BRANCH**d, -1)
    own, each = (x.reshape(shape) for x in (weight * values, weight))
    mean = own.sum(1) / each.sum(1)
    columns.append(np.repeat(mean, LEAVES // BRANCH**d))
  return np.stack(columns, 1)


@pytest.mark.parametrize("beta", [0.5, 2.0])
def test_the_least_loss_of_a_free_policy(beta):
  log_ref, p = tree(0)
  weight = np.exp(log_ref.sum(1))

  def values(tables):
    logs = [jax.nn.log_softmax(table, axis=-1) for table in tables]
    mask = jnp.ones((LEAVES, DEPTH))
    return implicit.values(path(logs), jnp.asarray(log_ref), mask, beta=beta)

  def loss(tables):
    own = (values(tables)[:, -1], jnp.asarray(p), jnp.asarray(weight))
    return implicit.cross_entropy(*own)[0].total

  start = [jnp.zeros((BRANCH**d, BRANCH)) for d in range(DEPTH)]
  fitted = np.asarray(values(minimise.minimise(loss, start, steps=3000)))
  reward = fitted[:, -1]
  assert weight @ np.exp(reward / beta) == pytest.approx(1, abs=1e-5)
  np.testing.assert_allclose(reward, least(weight, p, beta), atol=0.02)
  # Far from the free optimum; q is a soft maximum of r and no value.
  assert np.abs(reward - special.logit(p)).max() > 0.5
  soft = beta * np.log(after_prefixes(np.exp(reward / beta), weight))
  np.testing.assert_allclose(fitted, soft, atol=1e-4)
  assert np.abs(fitted - after_prefixes(p, weight)).max() > 0.3


@pytest.mark.parametrize("seed", range(3))
def test_order_of_prefixes_by_beta(seed):
  """Nearly that of values; a small beta ignores what is likely."""
  log_ref, p = tree(seed)
  weight = np.exp(log_ref.sum(1))
  value, inner = after_prefixes(p, weight), np.s_[::BRANCH, DEPTH - 2]
  found = {}
  for beta in (0.01, 0.1, 1.0, 10.0):
    reward = least(weight, p, beta)
    assert weight @ np.exp(reward / beta) == pytest.approx(1, abs=1e-6)
    log_mean = after_prefixes(np.exp(reward / beta), weight)
    q = beta * np.log(log_mean)
    found[beta] = stats.spearmanr(q[inner], value[inner]).statistic
  assert found[1.0] > max(found[0.01], 0.9)


def test_from_the_maximum_to_the_mean():
  """q of one reward falls with beta, between what may follow at best and on
  the average."""
  log_ref, p = tree(0)
  weight, reward = np.exp(log_ref.sum(1)), special.logit(p)
  q = np.stack(
    [
      beta * np.log(after_prefixes(np.exp(reward / beta), weight))
      for beta in (0.01, 0.1, 1.0, 10.0, 1e4)
    ]
  )
  assert (np.diff(q, axis=0) <= 1e-9).all()
  best = reward.reshape(BRANCH, -1).max(1)
  np.testing.assert_allclose(q[0, :: LEAVES // BRANCH, 0], best, atol=0.05)
  np.testing.assert_allclose(q[-1], after_prefixes(reward, weight), atol=1e-3)
