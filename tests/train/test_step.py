"""One update: sums and counts, averages, non-finite values, precision."""

import functools
import math

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from prm_jax import errors, metrics
from prm_jax.train import optim, partition, state, step
from tests.train import toy


@functools.cache
def compiled(**options):
  return toy.setup(**options)


def one_step(batch, **options):
  run = compiled(**options)
  placed = partition.put_batch(batch, partition.batch_sharding(run.mesh))
  return run.step_fn(run.init_state(), placed)


def assert_close(left, right, tolerance=1e-6):
  left, right = toy.flat(left), toy.flat(right)
  assert left.keys() == right.keys()
  for name, value in left.items():
    np.testing.assert_allclose(
      value, right[name], rtol=tolerance, atol=tolerance, err_msg=name
    )


def sgd_step(loss_fn, params, batch, **options):
  """A step of plain gradient descent at rate 1: shows the gradient itself."""
  mesh = partition.make_mesh(devices=jax.devices()[:1])
  tx = optax.sgd(1.0)
  abstract, init = partition.sharded_init(
    lambda key: state.init_state(key, lambda _: params, tx, **options),
    mesh,
    jax.random.key(0),
  )
  shardings = jax.tree.map(lambda x: x.sharding, abstract)
  return init(), step.make_train_step(loss_fn, tx, mesh, shardings)


def weighted(params, batch):
  """Gradient by hand: sum(w x) / sum(w)."""
  total = (params["a"] * batch["x"] * batch["w"]).sum()
  return metrics.Mean(total, batch["w"].sum()), {}


def test_gradient_is_total_over_count():
  batch = {"x": np.float32([1, 2, 5]), "w": np.float32([1, 3, 0])}
  start, step_fn = sgd_step(weighted, {"a": jnp.float32(4)}, batch)
  new, found = step_fn(start, batch)
  assert float(new.params["a"]) == 4 - 7 / 4
  assert metrics.to_scalars(found) == {
    "loss": 7.0, "grad_norm": 1.75, "finite": 1.0,
  }  # fmt: skip
  assert int(new.step) == 1


def test_batch_without_supervision_changes_nothing():
  batch = {"x": np.float32([1, 2]), "w": np.float32([0, 0])}
  start, step_fn = sgd_step(weighted, {"a": jnp.float32(4)}, batch)
  new, found = step_fn(start, batch)
  assert float(new.params["a"]) == 4
  assert metrics.to_scalars(found)["finite"] == 1


def test_micro_batches_make_the_same_update():
  # Rows with very different counts: a mean of means would differ.
  batch = next(toy.Batches(rows=16))
  batch["weights"][:10, 1:] = 0
  whole, of_whole = one_step(batch)
  parts, of_parts = one_step(batch, num_micro_batches=4)
  assert_close(whole.params, parts.params)
  assert_close(whole.opt_state, parts.opt_state)
  for name, value in metrics.to_scalars(of_whole).items():
    assert metrics.to_scalars(of_parts)[name] == pytest.approx(value, rel=1e-5)
  assert float(of_parts["loss"].count) == batch["weights"].sum()


def test_micro_batches_must_divide_the_batch():
  with pytest.raises(errors.UserError, match="num_micro_batches=3"):
    one_step(next(toy.Batches()), num_micro_batches=3)


@pytest.mark.parametrize("bad", [math.inf, math.nan])
def test_not_finite_freezes_the_state(bad):
  run = compiled()
  sharding = partition.batch_sharding(run.mesh)
  good = partition.put_batch(next(toy.Batches()), sharding)
  poisoned = next(toy.Batches())
  poisoned["weights"][0, 0] = bad
  after_one, _ = run.step_fn(run.init_state(), good)
  kept = toy.flat((after_one.params, after_one.opt_state, after_one.ema))
  frozen, found = run.step_fn(
    after_one, partition.put_batch(poisoned, sharding)
  )
  assert not frozen.finite
  assert metrics.to_scalars(found)["finite"] == 0
  frozen, found = run.step_fn(frozen, good)  # and stays so
  assert metrics.to_scalars(found)["finite"] == 0
  assert int(frozen.step) == 1
  for name, value in toy.flat(
    (frozen.params, frozen.opt_state, frozen.ema)
  ).items():
    np.testing.assert_array_equal(value, kept[name], err_msg=name)


def test_infinite_gradient_of_a_finite_loss_counts():
  def loss_fn(params, batch):
    total = jnp.sqrt(params["a"] * batch["x"]).sum()  # infinite slope at 0
    return metrics.Mean(total, 1.0), {}

  batch = {"x": np.float32([1])}
  start, step_fn = sgd_step(loss_fn, {"a": jnp.float32(0)}, batch)
  new, _ = step_fn(start, batch)
  assert not new.finite
  assert float(new.params["a"]) == 0


def test_average_follows_its_recurrence():
  first, _ = one_step(next(toy.Batches()))
  begin = compiled().init_state()
  expected = jax.tree.map(
    lambda old, new: 0.9 * old + 0.1 * new, begin.ema, first.params
  )
  assert_close(first.ema, expected)
  assert first.best_params is first.ema
  assert toy.setup(ema_decay=0.0).init_state().ema is None


def test_bf16_compute_keeps_float32_state():
  batch = next(toy.Batches())
  model = toy.Toy(dtype=jnp.bfloat16)
  half, found = one_step(batch, model=model)
  for name, value in toy.flat((half.params, half.opt_state, half.ema)).items():
    assert value.dtype in (np.float32, np.int32), name
  _, exact = one_step(batch)
  gap = float(found["loss"].compute() - exact["loss"].compute())
  assert 0 < abs(gap) < 0.02  # it did compute in bf16


def test_stochastic_loss_draws_anew_and_again():
  def draw(params, batch, key):
    noise = jax.random.normal(key)
    return metrics.Mean(params["a"] * noise, 1.0), {
      "noise": metrics.Mean(noise, 1.0)
    }

  batch = {"x": np.float32([1])}
  drawn = []
  for _ in range(2):
    now, step_fn = sgd_step(
      step.StochasticLoss(draw), {"a": jnp.float32(0)}, batch
    )
    for _ in range(2):
      now, found = step_fn(now, batch)
      drawn.append(float(found["noise"].compute()))
  assert drawn[0] != drawn[1]
  assert drawn[:2] == drawn[2:]


def test_decay_spares_vectors_stacked_or_not():
  tree = jax.eval_shape(toy.init_fn, jax.random.key(0))
  assert optim.decay_mask(tree) == {
    "table": True,
    "up": {"kernel": True, "bias": False},
    "down": {"kernel": True, "bias": False},
  }
  box = nn.LogicallyPartitioned
  assert optim.decay_mask(
    {
      "scale": box(jnp.ones((3, 8)), names=("layers", "embed")),
      "bias": box(jnp.ones((3, 4, 2)), names=("layers", "heads", "head_dim")),
      "kernel": box(jnp.ones((3, 8, 8)), names=("layers", "embed", "mlp")),
    }
  ) == {"scale": False, "bias": False, "kernel": True}


def test_schedule_warms_up_and_decays():
  config = optim.OptimConfig(
    learning_rate=2.0, num_steps=110, warmup_steps=10, final_fraction=0.25
  )
  schedule = optim.make_schedule(config)
  middle = 0.5 + 1.5 / 2  # half-way down the cosine
  np.testing.assert_allclose(
    [schedule(n) for n in (0, 5, 10, 60, 110, 500)],
    [0, 1, 2, middle, 0.5, 0.5],
    rtol=1e-6,
  )


@pytest.mark.parametrize(
  "changes",
  [{"learning_rate": 0.0}, {"warmup_steps": 1000}, {"ema_decay": 1.0}],
)
def test_bad_optimiser_settings_name_the_field(changes):
  with pytest.raises(errors.UserError, match=next(iter(changes))):
    optim.OptimConfig(**changes)
