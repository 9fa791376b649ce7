"""Values as distributions over bins: codes by hand, the exact minimiser."""

import jax
import jax.numpy as jnp
import numpy as np

from prm_jax.objectives import bins
from tests.objectives import minimise, prefix_tree


def test_two_hot_by_hand():
  found = bins.two_hot(jnp.array([0.0, 0.6, 1.0, 0.25]), 5)
  want = [[1, 0, 0, 0, 0], [0, 0, 0.6, 0.4, 0], [0, 0, 0, 0, 1]]
  np.testing.assert_allclose(found[:3], want, atol=1e-6)
  np.testing.assert_allclose(found[3], [0, 1, 0, 0, 0], atol=1e-6)


def test_the_mean_of_a_code_is_its_target():
  targets = jnp.linspace(0, 1, 37)
  codes = bins.two_hot(targets, 7)
  np.testing.assert_allclose(codes @ bins.centers(7), targets, atol=1e-6)
  np.testing.assert_allclose(codes.sum(-1), 1, atol=1e-6)


def test_the_expectation_of_the_minimiser_is_the_value():
  """E1: outcomes of all leaves, weighed by the policy; V at every prefix."""
  tree = prefix_tree.make(0, depth=3)
  weights = np.repeat(tree.prob[:, None], 3, axis=1)
  targets = np.repeat(tree.reward[:, None], 3, axis=1)

  def loss(table):
    mean, _ = bins.cross_entropy(
      table[tree.prefix], jnp.asarray(targets), jnp.asarray(weights)
    )
    return mean.total

  with jax.enable_x64(True):
    # Rates of one prefix: a logit's force is its prefix's visits.
    logits = minimise.minimise(loss, jnp.zeros((len(tree.value), 4)))
    found = np.asarray(bins.expectation(jnp.asarray(logits)))
  np.testing.assert_allclose(found, tree.value, atol=2e-3)
