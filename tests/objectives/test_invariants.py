"""What holds for every objective: masks, padding, order, gradients."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.objectives import bins, lm, process, reduction, value

ROWS, TOKENS, CLASSES = 3, 5, 4


class Case(NamedTuple):
  loss_fn: Callable
  outputs: np.ndarray
  targets: np.ndarray
  weights: np.ndarray
  bad_target: float  # what may stand where nothing is supervised


def make_case(name):
  rng = np.random.default_rng(len(name))
  weights = rng.uniform(0.2, 2, (ROWS, TOKENS))
  weights[0, 3:] = weights[1, :2] = weights[2] = 0
  wide = rng.normal(size=(ROWS, TOKENS, CLASSES))
  flat = rng.normal(size=(ROWS, TOKENS))
  classes = rng.integers(CLASSES, size=(ROWS, TOKENS))
  shares = rng.random((ROWS, TOKENS))
  simplex = rng.dirichlet(np.ones(CLASSES), (ROWS, TOKENS))
  nan = np.nan
  return {
    "lm": Case(lm.cross_entropy, wide, classes, weights, -100),
    "squared": Case(value.squared_error, flat, shares, weights, nan),
    "bins": Case(bins.cross_entropy, wide, shares, weights, nan),
    "binary": Case(value.binary_cross_entropy, flat, shares, weights, nan),
    "hard": Case(process.hard_cross_entropy, wide, classes, weights, -100),
    "soft": Case(
      process.soft_cross_entropy, wide[..., :2], shares, weights, nan
    ),
    "distribution": Case(
      process.distribution_cross_entropy, wide, simplex, weights, nan
    ),
  }[name]


NAMES = (*("lm", "squared", "bins", "binary", "hard", "soft", "distribution"),)
every_objective = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(autouse=True)
def float64():
  with jax.enable_x64(True):
    yield


@functools.partial(jax.jit, static_argnums=0)
def compiled(loss_fn, outputs, targets, weights):
  return loss_fn(outputs, targets, weights)


@functools.partial(jax.jit, static_argnums=0)
def compiled_gradient(loss_fn, outputs, targets, weights):
  return jax.grad(lambda x: loss_fn(x, targets, weights)[0].total)(outputs)


def call(case):
  return jax.device_get(compiled(*case[:4]))


def gradient(case):
  return np.asarray(compiled_gradient(*case[:4]))


def assert_same(left, right):
  for a, b in zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-12)


@every_objective
def test_gradient_agrees_with_finite_differences(name):
  case = make_case(name)
  h, size = 1e-5, case.outputs.size
  moves = h * np.eye(size).reshape(size, *case.outputs.shape)

  @jax.jit
  @jax.vmap
  def total(outputs):
    return case.loss_fn(outputs, *map(jnp.asarray, case[2:4]))[0].total

  slopes = total(case.outputs + moves) - total(case.outputs - moves)
  slopes = slopes.reshape(case.outputs.shape) / (2 * h)
  np.testing.assert_allclose(gradient(case), slopes, rtol=1e-6, atol=1e-8)


@every_objective
def test_masked_positions_have_no_part(name):
  """Not even with NaN in the outputs and nonsense in the targets."""
  case = make_case(name)
  masked = case.weights == 0
  outputs, targets = case.outputs.copy(), case.targets.copy()
  outputs[masked] = np.nan
  targets[masked] = case.bad_target
  broken = case._replace(outputs=outputs, targets=targets)
  assert_same(call(case), call(broken))
  np.testing.assert_array_equal(gradient(case), gradient(broken))
  assert (gradient(case)[masked] == 0).all()
  assert np.any(gradient(case)[~masked] != 0)


@every_objective
def test_a_nan_that_counts_is_seen(name):
  case = make_case(name)
  outputs = case.outputs.copy()
  outputs[0, 0] = np.nan
  assert np.isnan(call(case._replace(outputs=outputs))[0].total)


@every_objective
def test_padding_and_order_of_rows_do_not_matter(name):
  case = make_case(name)

  def pad(values):
    room = [(0, 1), (0, 3)] + [(0, 0)] * (values.ndim - 2)
    return np.pad(values, room)

  padded = case._replace(
    outputs=pad(case.outputs),
    targets=pad(case.targets),
    weights=pad(case.weights),
  )
  assert_same(call(case), call(padded))
  turned = Case(case.loss_fn, *(x[::-1] for x in case[1:4]), case.bad_target)
  assert_same(call(case), call(turned))


@every_objective
def test_parts_of_a_batch_add_up(name):
  case = make_case(name)
  rows = [
    call(case._replace(**{f: getattr(case, f)[i] for f in Case._fields[1:4]}))
    for i in range(ROWS)
  ]
  merged = jax.tree.map(lambda *parts: sum(parts), *rows)
  assert_same(call(case), merged)
  vmapped = jax.device_get(compiled(jax.vmap(case.loss_fn), *case[1:4]))
  assert_same(call(case), jax.tree.map(np.sum, vmapped))


@every_objective
def test_position_that_is_supervised_is_the_one_that_is_read(name):
  """The loss at t depends on the output at t alone, never on a neighbour."""
  case = make_case(name)
  for t in range(TOKENS):
    weights = np.zeros((ROWS, TOKENS))
    weights[:, t] = 1
    found = gradient(case._replace(weights=weights))
    read = np.any(found.reshape(ROWS, TOKENS, -1) != 0, axis=(0, 2))
    assert read.tolist() == [i == t for i in range(TOKENS)]


@every_objective
def test_bfloat16_outputs_are_summed_in_float32(name):
  case = make_case(name)
  low = case.outputs.astype(jnp.bfloat16)
  targets = case.targets
  if targets.dtype == np.float64:
    targets = targets.astype(np.float32)
  case = case._replace(targets=targets, weights=np.float32(case.weights))
  mean, _ = call(case._replace(outputs=low))
  wide, _ = call(case._replace(outputs=low.astype(np.float32)))
  assert mean.total.dtype == np.float32
  assert mean.total == wide.total


def test_weights_choose_the_reduction():
  """Losses [1] and [0, 0, 0]: golden .25, .5, .5 and .125."""
  outputs = jnp.array([[1.0, 9, 9], [0, 0, 0]])
  mask = jnp.array([[1.0, 0, 0], [1, 1, 1]])
  targets = jnp.zeros((2, 3))
  by_token, _ = value.squared_error(outputs, targets, mask)
  assert float(by_token.compute()) == 0.25
  weights = mask / mask.sum(-1, keepdims=True)
  by_sequence, _ = value.squared_error(outputs, targets, weights)
  np.testing.assert_allclose(by_sequence.compute(), 0.5)
  summed = reduction.per_sequence(by_token, 2)
  assert float(summed.compute()) == 0.5
  horizon = reduction.per_sequence(by_token, 2 * 4)
  assert float(horizon.compute()) == 0.125


def test_auxiliary_sums_before_dividing():
  shape = (2, 3)
  main_weights = jnp.array([[1.0, 1, 0], [1, 0, 0]])
  other_weights = jnp.ones(shape)
  main = value.squared_error(jnp.ones(shape), jnp.zeros(shape), main_weights)
  other = lm.cross_entropy(
    jnp.zeros((*shape, 4)), jnp.zeros(shape, int), other_weights
  )
  joint, found = reduction.with_auxiliary(
    main, other, coefficient=0.5, prefix="lm"
  )
  np.testing.assert_allclose(joint.compute(), 1 + 0.5 * 6 / 3 * np.log(4))
  assert set(found) == {
    *("loss", "main_loss", "squared_error", "value", "target"),
    *("lm_loss", "lm_accuracy"),
  }
  assert found["loss"] == joint
  assert found["main_loss"] == main[0]


def test_auxiliary_does_not_depend_on_the_split():
  """Halves with other counts than the whole still add up to the whole."""
  rng = np.random.default_rng(0)
  values, targets = rng.random((2, 4, 6))
  logits = rng.normal(size=(4, 6, 5))
  tokens = rng.integers(5, size=(4, 6))
  own, other = (rng.random((2, 4, 6)) < 0.5).astype(float)

  def loss(*, start, stop):
    part = [jnp.asarray(x[start:stop]) for x in (values, targets, own)]
    others = [jnp.asarray(x[start:stop]) for x in (logits, tokens, other)]
    return reduction.with_auxiliary(
      value.squared_error(*part),
      lm.cross_entropy(*others),
      coefficient=0.3,
      prefix="lm",
    )[0]

  loss = jax.jit(loss, static_argnames=("start", "stop"))
  whole = loss(start=0, stop=4)
  halves = loss(start=0, stop=1).merge(loss(start=1, stop=4))
  assert_same(whole, halves)
