import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax import errors
from prm_jax.search import aggregate

SCORES = [0.9, 0.2, 0.5]
EXPECTED = {
  "last": 0.5,
  "min": 0.2,
  "max": 0.9,
  "product": 0.09,
  "mean": 1.6 / 3,
  "sum_logit": np.log(9) + np.log(0.25) + 0,
}


def test_every_rule_has_a_value_here():
  assert EXPECTED.keys() == aggregate.RULES.keys()


@pytest.mark.parametrize("name", aggregate.RULES)
def test_value(name):
  got = aggregate.by_name(name)(jnp.array([SCORES]), jnp.array([3]))
  np.testing.assert_allclose(got, [EXPECTED[name]], rtol=1e-5)


@pytest.mark.parametrize("name", aggregate.RULES)
@pytest.mark.parametrize("junk", [0.0, 1.0, 7.0, -7.0, np.nan, np.inf])
def test_padding_changes_nothing(name, junk):
  rule = aggregate.RULES[name]
  padded = jnp.array([[SCORES + [junk] * 4, [0.3] + [junk] * 6]])
  got = rule(padded, jnp.array([[3, 1]]))
  assert got.shape == (1, 2)
  np.testing.assert_array_equal(
    got[:, 0], rule(jnp.array([SCORES]), jnp.array([3]))
  )
  np.testing.assert_array_equal(
    got[:, 1], rule(jnp.array([[0.3]]), jnp.array([1]))
  )


@pytest.mark.parametrize("name", aggregate.RULES)
def test_row_without_steps_scores_zero(name):
  got = aggregate.RULES[name](jnp.full((2, 3), jnp.nan), jnp.array([0, 0]))
  np.testing.assert_array_equal(got, [0, 0])


def test_product_of_zero_and_of_many_steps():
  scores = jnp.array([[0.5] * 100, [0.0] * 100])
  got = aggregate.product(scores, jnp.array([100, 100]))
  np.testing.assert_allclose(got, [0.5**100, 0], rtol=1e-4)


def test_log_odds_of_certain_scores_are_finite():
  got = aggregate.sum_logit(jnp.array([[1.0, 0.0]]), jnp.array([2]))
  # float32 holds 1 - 1e-7 only to a part in 2^24.
  np.testing.assert_allclose(got, [0], atol=0.3)


def test_unknown_name():
  with pytest.raises(errors.UserError, match=r"median.*last, min, max"):
    aggregate.by_name("median")
