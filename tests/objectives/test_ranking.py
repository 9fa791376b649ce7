"""Rankings of steps and of pairs, by hand and by their minimisers."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from prm_jax.objectives import ranking
from prm_jax.tasks import chain

Q = jnp.array([[0.3, 1.0, -2.0, 9.0]])
RIGHT = jnp.array([[True, True, False, True]])
STEP = jnp.array([[True, True, True, False]])


def pqm(values, right=RIGHT, step=STEP, margin=4.0):
  loss, found = ranking.process_q_ranking(values, right, step, margin=margin)
  return loss.total / loss.count, found


def test_process_q_ranking_by_hand():
  loss, found = pqm(Q)
  terms = [2.126928, 1.976130, 1.522299]
  assert float(loss) == pytest.approx(1.875119, abs=1e-6)
  assert np.mean(terms) == pytest.approx(1.875119, abs=1e-6)
  ordered = found["ordered"]
  assert (float(ordered.total), float(ordered.count)) == (2, 2)


def test_a_solution_without_wrong_steps_has_no_first_term():
  loss, _ = pqm(Q, right=jnp.ones_like(RIGHT))
  e = np.exp([0.3, 1.0, -2.0])
  want = -np.log(e / (1 + np.cumsum(e)))
  assert float(loss) == pytest.approx(want.mean(), abs=1e-6)


def test_wrong_steps_alone_have_only_the_first_term():
  loss, _ = pqm(Q, right=jnp.zeros_like(RIGHT))
  want = np.log1p(np.exp(np.array([0.3, 1.0, -2.0]) + 4).sum())
  assert float(loss) == pytest.approx(want, abs=1e-5)


@pytest.mark.parametrize("right", [RIGHT, jnp.ones_like(RIGHT), ~RIGHT])
def test_gradients_are_those_of_finite_differences(right):
  with jax.enable_x64(True):
    values = jnp.asarray(np.array(Q), jnp.float64)
    f = lambda q: pqm(q, right=right)[0]
    grad = np.asarray(jax.grad(f)(values))
    h = 1e-6
    for k in range(4):
      step = h * np.eye(4)[k]
      slope = (f(values + step) - f(values - step)) / (2 * h)
      assert grad[0, k] == pytest.approx(float(slope), abs=1e-7)
  assert grad[0, 3] == 0  # padding


def test_a_constant_is_not_free():
  # The value before the first step is pinned at 0.
  assert abs(float(pqm(Q + 1)[0] - pqm(Q)[0])) > 0.1


def test_the_minimiser_is_in_order():
  right = jnp.array([[True, True, False, False]])
  step = jnp.ones_like(right)
  tx = optax.adam(0.05)

  def update(carry, _):
    q, state = carry
    grad = jax.grad(lambda q: pqm(q, right, step)[0])(q)
    change, state = tx.update(grad, state)
    return (q + change, state), None

  q = jnp.zeros((1, 4))
  (q, _), _ = jax.lax.scan(update, (q, tx.init(q)), length=2000)
  first, second, *wrong = np.asarray(q[0])
  assert max(wrong) < 0 < first < second
  assert max(wrong) < -4


def test_bradley_terry_is_tree_plv_and_step_apo():
  better, worse = jnp.array([0.2, 0.9]), jnp.array([-0.1, 0.4])
  loss, found = ranking.bradley_terry(better, worse, jnp.ones(2))
  assert float(loss.total) == pytest.approx(1.028432, abs=1e-6)
  assert float(found["accuracy"].total) == 2
  one = jnp.ones(1)
  lead = jnp.array([0.3 * 0.5])
  plain, _ = ranking.bradley_terry(lead, jnp.zeros(1), one)
  assert float(plain.total) == pytest.approx(0.620957, abs=1e-6)
  apo, _ = ranking.bradley_terry(
    lead, jnp.zeros(1), one, margin=jnp.array([0.6 + 0.4])
  )
  assert float(apo.total) == pytest.approx(1.205865, abs=1e-6)


def test_no_pair_no_loss():
  bad = jnp.array([jnp.nan, 1.0])
  loss, _ = ranking.bradley_terry(bad, jnp.zeros(2), jnp.array([0.0, 1.0]))
  assert np.isfinite(loss.total)
  assert float(loss.count) == 1


def test_weights_of_a_list_by_hand():
  found = ranking.ndcg_weights(jnp.array([1.0, 0.5, 0.0]), jnp.arange(1.0, 4))
  for (i, j), want in zip(
    itertools.combinations(range(3), 2),
    (0.216196, 0.5, 0.054233),
    strict=True,
  ):
    assert float(found[i, j]) == pytest.approx(want, abs=1e-6)
    assert found[i, j] == found[j, i]


def test_values_of_chains_are_in_the_order_that_is_learnt():
  """V(ok) rises, V(bad) falls and stays below the prompt's (E3)."""
  rng = np.random.default_rng(0)
  for _ in range(200):
    config = chain.Config(
      modulus=int(rng.integers(2, 50)),
      num_addends=int(rng.integers(1, 9)),
      error_rate=rng.uniform(0, 0.5),
      recovery_rate=rng.uniform(0, 0.5),
    )
    bad, ok = chain.state_values(config).T
    assert (np.diff(ok) >= -1e-12).all()
    assert (np.diff(bad) <= 1e-12).all()
    assert bad[1] <= ok[0] + 1e-12
