import math

import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax import errors
from prm_jax.search import aggregate
from tests.search import tabular

SCORES = [0.9, 0.2, 0.5]
EXPECTED = {
  "last": 0.5,
  "min": 0.2,
  "max": 0.9,
  "product": 0.09,
  "mean": 1.6 / 3,
  "sum": 1.6,
  "sum_logit": np.log(9) + np.log(0.25) + 0,
  "mean_logit": (np.log(9) + np.log(0.25)) / 3,
  "geometric_mean": 0.09 ** (1 / 3),
  "mean_odd": (9 + 0.25 + 1) / 3,
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


def test_log_odds_of_certain_scores_are_finite_and_opposite():
  got = aggregate.sum_logit(
    jnp.array([[1.0, 0.0], [1.0, 0.5], [0.0, 0.5]]), jnp.array([2, 2, 2])
  )
  bound = np.log((1 - 1e-7) / 1e-7)
  np.testing.assert_allclose(got, [0, bound, -bound], rtol=1e-6)


def test_log_odds_of_a_score_of_float32():
  np.testing.assert_allclose(
    aggregate.logit(jnp.array([0.25, 1 - 2**-20, 1e-6])),
    np.log([1 / 3, 2**20 - 1, 1e-6 / (1 - 1e-6)]),
    rtol=1e-6,
  )


def test_which_rules_depend_on_the_number_of_equal_steps():
  """0.8 over and over: a product falls, a sum of log-odds grows."""
  scores, num_steps = jnp.full((2, 6), 0.8), jnp.array([2, 6])
  moved = {
    name: float(np.ptp(rule(scores, num_steps))) > 1e-6
    for name, rule in aggregate.RULES.items()
  }
  depend = {name for name, m in moved.items() if m}
  assert depend == {"product", "sum", "sum_logit"}


def test_orders_on_the_toy():
  """Rules order the 31 solutions as their formulas do."""
  solutions = tabular.solutions()
  scores = np.full((len(solutions), tabular.LENGTH + 1), np.nan, np.float32)
  num_steps = np.array([len(s.scores) for s in solutions], np.int32)
  for row, solution in zip(scores, solutions, strict=True):
    row[: len(solution.scores)] = solution.scores
  formulas = {
    "last": lambda r: r[-1],
    "min": min,
    "max": max,
    "product": math.prod,
    "mean": np.mean,
    "sum": sum,
    "sum_logit": lambda r: sum(math.log(x / (1 - x)) for x in r),
    "mean_logit": lambda r: np.mean([math.log(x / (1 - x)) for x in r]),
    "geometric_mean": lambda r: math.prod(r) ** (1 / len(r)),
    "mean_odd": lambda r: np.mean([x / (1 - x) for x in r]),
  }
  for name, rule in aggregate.RULES.items():
    got = rule(jnp.asarray(scores), jnp.asarray(num_steps))
    expected = [formulas[name](s.scores) for s in solutions]
    np.testing.assert_allclose(got, expected, rtol=2e-5, atol=1e-6)
  best = int(np.argmax([s.scores[-1] for s in solutions]))
  assert solutions[best].tokens == (0, 1, 0, 0)


def test_unknown_name():
  with pytest.raises(errors.UserError, match=r"median.*last, min, max"):
    aggregate.by_name("median")
