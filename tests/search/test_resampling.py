import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax import errors
from prm_jax.search import resampling
from tests.search import tabular

SCHEMES = list(resampling.SCHEMES)
AT = {
  "multinomial": resampling.multinomial_at,
  "stratified": resampling.stratified_at,
  "systematic": resampling.systematic_at,
  "residual": resampling.residual_at,
}
WEIGHTS = np.array([0.05, 0.4, 0.0, 0.25, 0.3])


def log(weights):
  with np.errstate(divide="ignore"):
    return jnp.asarray(np.log(weights), jnp.float32)


@functools.partial(tabular.jit, static_argnames=("name", "num", "draws"))
def parents_of(name, log_weights, num, draws, seed=0):
  """[draws, num]"""
  keys = jax.random.split(jax.random.key(seed), draws)
  draw = functools.partial(resampling.SCHEMES[name], num=num)
  return jax.vmap(draw, in_axes=(0, None))(keys, log_weights)


# Shapes that most tests share, so that each scheme compiles once for them.
NUM, DRAWS = 7, 20000


def copies(name, log_weights, num=NUM, draws=DRAWS):
  """[draws, N] how often each row was drawn."""
  parents = np.asarray(parents_of(name, log_weights, num, draws))
  rows = log_weights.shape[0]
  cells = np.arange(draws)[:, None] * rows + parents
  return np.bincount(cells.ravel(), minlength=draws * rows).reshape(-1, rows)


@pytest.mark.parametrize("name", SCHEMES)
def test_expected_copies(name):
  counts = copies(name, log(WEIGHTS))
  assert (counts.sum(axis=1) == NUM).all()
  error = counts.mean(axis=0) - NUM * WEIGHTS
  bound = 4.5 * counts.std(axis=0) / np.sqrt(len(counts)) + 1e-6
  assert (np.abs(error) <= bound).all()


def test_systematic_copies_are_exact_over_a_grid_of_uniforms():
  grid = jnp.tile((jnp.arange(10000)[:, None] + 0.5) / 10000, NUM)
  parents = tabular.jit(jax.vmap(resampling.systematic_at, (0, None)))(
    grid, log(WEIGHTS)
  )
  counts = np.bincount(np.ravel(parents), minlength=5) / 10000
  np.testing.assert_allclose(counts, NUM * WEIGHTS, atol=1e-4 * NUM)


@pytest.mark.parametrize("name", ["systematic", "residual"])
def test_copies_are_near_their_expectation(name):
  counts = copies(name, log(WEIGHTS))
  # Where 7 w is whole but for rounding either neighbour is right.
  assert (counts >= np.floor(NUM * WEIGHTS - 1e-5)).all()
  if name == "systematic":
    assert (counts <= np.ceil(NUM * WEIGHTS + 1e-5)).all()


@pytest.mark.parametrize("name", ["stratified", "systematic", "residual"])
def test_variance_is_below_multinomial(name):
  variance = copies(name, log(WEIGHTS)).var(axis=0).sum()
  assert variance < 0.8 * (NUM * WEIGHTS * (1 - WEIGHTS)).sum()


def test_multinomial_copies_have_the_multinomial_variance():
  variance = copies("multinomial", log(WEIGHTS)).var(axis=0)
  np.testing.assert_allclose(
    variance, NUM * WEIGHTS * (1 - WEIGHTS), rtol=0.05, atol=1e-6
  )


@pytest.mark.parametrize("name", SCHEMES)
def test_rows_of_weight_zero_are_never_drawn(name):
  # A float32 cumulative sum ends short of its total, and a uniform beyond it
  # falls to the last row whatever its weight.
  rows = 1000
  weights = np.exp(2 * np.random.default_rng(0).normal(size=rows))
  weights[[0, 1, rows // 2, -2, -1]] = 0
  # Optimised, unlike elsewhere: the order of a sum is what matters here.
  draw = functools.partial(resampling.SCHEMES[name], num=rows)
  keys = jax.random.split(jax.random.key(0), 1000)
  parents = jax.jit(jax.vmap(draw, (0, None)))(keys, log(weights))
  assert (weights[np.asarray(parents)] > 0).all()


@pytest.mark.parametrize("name", SCHEMES)
def test_uniforms_at_the_edges_draw_only_positive_weights(name):
  rows = 1000
  weights = np.random.default_rng(0).random(rows)
  weights[[0, -1]] = 0
  uniforms = jnp.array([[0.0] * rows, [1 - 2**-24] * rows])
  parents = tabular.jit(jax.vmap(AT[name], (0, None)))(uniforms, log(weights))
  assert (weights[np.asarray(parents)] > 0).all()


@pytest.mark.parametrize("name", SCHEMES)
def test_parents_are_ascending_int32(name):
  parents = parents_of(name, log(WEIGHTS), NUM, DRAWS)
  assert parents.dtype == jnp.int32
  assert (np.diff(parents, axis=1) >= 0).all()


@pytest.mark.parametrize("name", SCHEMES)
@pytest.mark.parametrize("hot", [0, 3, 4])
def test_one_hot_weights_copy_one_row(name, hot):
  weights = np.zeros(5)
  weights[hot] = 1e-20
  parents = parents_of(name, log(weights), NUM, DRAWS)
  np.testing.assert_array_equal(parents, hot)


@pytest.mark.parametrize("name", SCHEMES)
def test_no_weight_at_all_draws_uniformly(name):
  counts = copies(name, jnp.full(5, -jnp.inf))
  np.testing.assert_allclose(counts.mean(axis=0), NUM / 5, atol=0.04)


@pytest.mark.parametrize("name", ["systematic", "stratified", "residual"])
@pytest.mark.parametrize("rows", [7, 4097])
def test_equal_weights_are_the_identity(name, rows):
  """For every uniform, the largest and the smallest included."""
  edges = jnp.array([[0.0] * rows, [1 - 2**-24] * rows])
  uniforms = jax.random.uniform(jax.random.key(0), (20, rows))
  parents = jax.jit(jax.vmap(AT[name], (0, None)))(
    jnp.concatenate([edges, uniforms]), jnp.full(rows, -1.2345)
  )
  np.testing.assert_array_equal(parents - jnp.arange(rows), 0)


@pytest.mark.parametrize("name", SCHEMES)
def test_weights_may_be_scaled(name):
  """Only ratios count, however large or small the weights are."""
  parents = parents_of(name, log(WEIGHTS), NUM, DRAWS)
  for factor in (2.0**-90, 2.0**90):
    scaled = parents_of(name, log(WEIGHTS * factor), NUM, DRAWS)
    # The logarithm rounds: a uniform at a boundary may fall on either side.
    assert np.mean(np.asarray(scaled != parents)) < 1e-4


@pytest.mark.parametrize("name", SCHEMES)
def test_a_problem_draws_the_same_alone_and_under_vmap(name):
  keys = jax.random.split(jax.random.key(0), 6)
  log_weights = jax.random.normal(jax.random.key(1), (6, 17)) * 3
  draw = lambda key, lw: resampling.by_name(name)(key, lw, 17)
  together = tabular.jit(jax.vmap(draw))(keys, log_weights)
  alone = tabular.jit(draw)
  for key, lw, parents in zip(keys, log_weights, together, strict=True):
    np.testing.assert_array_equal(alone(key, lw), parents)


def test_effective_sample_size():
  log_weights = jnp.stack(
    [jnp.zeros(4), log([1, 0, 0, 0]), log([2, 2, 0, 0]), jnp.full(4, -jnp.inf)]
  )
  np.testing.assert_allclose(
    resampling.effective_sample_size(log_weights), [4, 1, 2, 0], rtol=1e-6
  )
  np.testing.assert_allclose(
    resampling.effective_sample_size(log_weights[:3] - 500), [4, 1, 2]
  )


def test_unknown_scheme():
  with pytest.raises(errors.UserError, match=r"bootstrap.*multinomial"):
    resampling.by_name("bootstrap")


@pytest.mark.parametrize("name", resampling.CONDITIONAL)
def test_conditional_schemes_complete_the_free_ones(name):
  """Drawing the survivor first and the rest given it is drawing them all.

  Row i is brought to the front with its probability, survives, and goes back:
  the copies of every row then have the expectation of the free scheme.
  """
  weights = np.array([0.05, 0.4, 0.0, 0.25, 0.3])
  num, runs = len(weights), 20_000
  scheme = resampling.conditional_by_name(name)

  @jax.vmap
  def copies(key):
    pick, rest = jax.random.split(key)
    log_w = jnp.log(jnp.asarray(weights, jnp.float32))
    kept = jax.random.categorical(pick, log_w)
    order = jnp.roll(jnp.arange(num), -kept)
    parents = scheme(rest, log_w[order], num)
    counts = jnp.bincount(order[parents], length=num)
    return counts, parents[0] == 0, counts[kept]

  found, first, survived = jax.jit(copies)(
    jax.random.split(jax.random.key(3), runs)
  )
  assert first.all()
  assert (np.asarray(survived) > 0).all()
  found = np.asarray(found)
  error = found.mean(axis=0) - num * weights
  assert (np.abs(error) <= 4.5 * found.std(axis=0) / np.sqrt(runs)).all()
  if name == "systematic":  # floor or ceil of N w, never more
    expected = num * weights
    assert (found >= np.floor(expected - 1e-5)).all()
    assert (found <= np.ceil(expected - 1e-5)).all()
