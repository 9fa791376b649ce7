"""Value losses: their minimiser is the value of the sampling policy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.objectives import reduction, value
from tests.objectives import prefix_tree

LOSSES = [value.squared_error, value.binary_cross_entropy]


@pytest.fixture(autouse=True)
def float64():
  with jax.enable_x64(True):
    yield


def tabular_loss(loss_fn, tree, weights=None):
  """Loss of a table with one output per prefix, over all sequences."""
  shape = tree.prefix.shape
  targets = jnp.broadcast_to(jnp.asarray(tree.reward)[:, None], shape)
  if weights is None:
    weights = np.broadcast_to(tree.prob[:, None], shape)

  def loss(table):
    return loss_fn(table[tree.prefix], targets, jnp.asarray(weights))[0].total

  return loss


def minimise(loss, size, num_steps=40):
  """Newton's method; the Hessian of a tabular head is diagonal."""

  @jax.jit
  def step(table):
    gradient, curvature = jax.jvp(jax.grad(loss), (table,), (jnp.ones(size),))
    # Steps of at most 1: the logit of a certain outcome is at infinity.
    return table - jnp.clip(gradient / (curvature + 1e-300), -1, 1)

  table = jnp.zeros(size)
  for _ in range(num_steps):
    table = step(table)
  return np.asarray(table)


def as_probability(loss_fn, table):
  return table if loss_fn is value.squared_error else 1 / (1 + np.exp(-table))


@pytest.mark.parametrize("loss_fn", LOSSES)
@pytest.mark.parametrize(("seed", "n", "depth"), [(0, 3, 4), (1, 4, 4)])
def test_minimiser_is_the_value_at_every_prefix(loss_fn, seed, n, depth):
  tree = prefix_tree.make(seed, n, depth)
  found = minimise(tabular_loss(loss_fn, tree), len(tree.value))
  np.testing.assert_allclose(
    as_probability(loss_fn, found), tree.value, atol=1e-6
  )


@pytest.mark.parametrize("loss_fn", LOSSES)
def test_off_policy_minimiser_is_the_value_of_the_sampler(loss_fn):
  own = prefix_tree.make(0, policy_seed=1)
  other = prefix_tree.make(0, policy_seed=2)
  found = minimise(tabular_loss(loss_fn, other), len(own.value))
  found = as_probability(loss_fn, found)
  np.testing.assert_allclose(found, other.value, atol=1e-6)
  assert np.abs(found - own.value).max() > 0.1


@pytest.mark.parametrize("loss_fn", LOSSES)
def test_last_token_supervision_leaves_inner_prefixes_untrained(loss_fn):
  tree = prefix_tree.make(0)
  weights = np.zeros(tree.prefix.shape)
  weights[:, -1] = tree.prob
  loss = tabular_loss(loss_fn, tree, weights)
  table = jnp.linspace(-1, 1, len(tree.value))
  gradient = np.asarray(jax.jit(jax.grad(loss))(table))
  inner = np.unique(tree.prefix[:, :-1])
  assert (gradient[inner] == 0).all()
  assert (gradient[np.unique(tree.prefix[:, -1])] != 0).all()


@pytest.mark.parametrize("loss_fn", LOSSES)
def test_shared_prefix_targets_have_the_gradient_of_outcome_targets(loss_fn):
  """Token-level value targets equal outcome targets in full batch."""
  tree = prefix_tree.make(2)
  rng = np.random.default_rng(0)
  drawn = rng.choice(len(tree.prob), size=20, p=tree.prob / tree.prob.sum())
  prefix, outcome = tree.prefix[drawn], tree.reward[drawn]
  visits = np.bincount(prefix.ravel(), minlength=len(tree.value))
  hits = np.zeros(len(tree.value))
  np.add.at(hits, prefix, outcome[:, None])
  shares = jnp.asarray((hits / np.maximum(visits, 1))[prefix])
  outcomes = jnp.broadcast_to(jnp.asarray(outcome)[:, None], prefix.shape)
  assert not np.array_equal(shares, outcomes)
  table = jnp.asarray(rng.normal(size=len(tree.value)))

  def gradient(targets):
    weights = jnp.ones(prefix.shape)
    return jax.grad(lambda t: loss_fn(t[prefix], targets, weights)[0].total)(
      table
    )

  np.testing.assert_allclose(gradient(shares), gradient(outcomes), atol=1e-10)


@pytest.mark.parametrize("loss_fn", LOSSES)
def test_sum_over_tokens_scales_with_length_and_keeps_the_minimiser(loss_fn):
  lengths = np.array([1, 4])
  weights = jnp.asarray(np.arange(4) < lengths[:, None], float)

  def loss(outputs, reduce):
    shape = weights.shape
    targets = jnp.ones(shape)
    mean, _ = loss_fn(outputs[:, None] * jnp.ones(shape), targets, weights)
    mean = reduce(mean)
    return mean.total / mean.count

  outputs = jnp.full(2, 0.25)
  gradient = jax.jit(jax.grad(loss), static_argnums=1)
  by_sequence = gradient(outputs, lambda m: reduction.per_sequence(m, 2))
  np.testing.assert_allclose(by_sequence[1] / by_sequence[0], 4)
  by_token = gradient(outputs, lambda mean: mean)
  np.testing.assert_allclose(by_sequence, by_token * 5 / 2)


def chain_values(num_steps, error, recovery, luck):
  """(V(ok), V(bad)) at t = 0..T of the chain with planted errors."""
  ok, bad = [1.0], [luck]
  for _ in range(num_steps):
    ok.insert(0, (1 - error) * ok[0] + error * bad[0])
    bad.insert(0, recovery * ok[1] + (1 - recovery) * bad[0])
  return np.array(ok), np.array(bad)


def test_value_is_not_step_correctness_on_the_chain():
  """The minimiser separates the states but is no label of correctness."""
  num_steps, error, recovery, luck = 4, 0.1, 0.05, 0.1
  ok, bad = chain_values(num_steps, error, recovery, luck)
  golden_ok = [0.713204, 0.768475, 0.833500, 0.910000, 1]
  golden_bad = [0.243398, 0.215763, 0.183250, 0.145000, 0.1]
  np.testing.assert_allclose(ok, golden_ok, atol=5e-7)
  np.testing.assert_allclose(bad, golden_bad, atol=5e-7)

  # All state paths of the chain, with both final outcomes, in closed form.
  paths = np.array(
    [[(i >> t) & 1 for t in range(num_steps)] for i in range(2**num_steps)]
  )  # 1: bad
  before = np.hstack([np.zeros((len(paths), 1), int), paths[:, :-1]])
  turn = np.where(before == 0, error, 1 - recovery)  # P(bad next)
  prob = np.where(paths == 1, turn, 1 - turn).prod(1)
  final = np.where(paths[:, -1] == 0, 1.0, luck)
  index = 2 * np.arange(num_steps) + paths
  weights = jnp.asarray(np.concatenate([prob * final, prob * (1 - final)]))
  outcome = jnp.asarray(np.repeat([1.0, 0.0], len(paths)))

  def loss(table):
    outputs = table[np.tile(index, (2, 1))]
    shape = outputs.shape
    mean, _ = value.squared_error(
      outputs,
      jnp.broadcast_to(outcome[:, None], shape),
      jnp.broadcast_to(weights[:, None], shape),
    )
    return mean.total

  found = minimise(loss, 2 * num_steps).reshape(num_steps, 2)
  np.testing.assert_allclose(found[:, 0], golden_ok[1:], atol=1e-6)
  np.testing.assert_allclose(found[:, 1], golden_bad[1:], atol=1e-6)
  # Bayes: every ok state is above every bad one, so the AUC is exactly 1 ...
  assert found[:, 0].min() > found[:, 1].max()
  # ... and yet the value is not the label, whatever the amount of data.
  values, labels = found.ravel()[index].ravel(), 1 - paths.ravel()
  visits = np.repeat(prob, num_steps)
  covariance = np.cov(values, labels, aweights=visits, ddof=0)
  correlation = covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1])
  assert 0.9 < correlation < 0.99


def test_metrics_describe_probabilities():
  logits = jnp.array([[0.0, 40.0, 7.0]])
  weights = jnp.array([[1.0, 1.0, 0.0]])
  _, found = jax.jit(value.binary_cross_entropy)(
    logits, jnp.array([[1.0, 0.5, 1.0]]), weights
  )
  scalars = {name: float(mean.compute()) for name, mean in found.items()}
  np.testing.assert_allclose(scalars["value"], 0.75)
  np.testing.assert_allclose(scalars["target"], 0.75)
  np.testing.assert_allclose(scalars["squared_error"], 0.25)
  np.testing.assert_allclose(scalars["loss"], (np.log(2) + 20) / 2)
