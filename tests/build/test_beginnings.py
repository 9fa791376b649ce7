"""Runs that begin with a model: whole parameters, or adapters beside them."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.build import beginnings, losses, models
from prm_jax.models import lm, lora
from prm_jax.train import evaluate, optim, partition
from tests.models import tiny

TOKENS = np.array([[1, 5, 3, 9], [4, 4, 8, 1]], np.int32)
BATCH = {
  "tokens": TOKENS,
  "positions": np.tile(np.arange(4, dtype=np.int32), (2, 1)),
  "segment_ids": np.ones((2, 4), np.int32),
  "targets": np.array([[0, 1, 0, 1], [0, 0, 0, 0]], np.int32),
  "weights": np.array([[0, 1, 0, 1], [0, 0, 0, 1]], np.float32),
}
CONFIG = lora.LoraConfig(2, 4.0, ("q_proj", "down_proj"))


@pytest.fixture(scope="module")
def warm():
  """Parameters of a policy."""
  _, params = tiny.make(0, num_layers=1, tie_embeddings=False)
  return nn.unbox(params)


def begin(warm, config, **options):
  model = lm.Model(
    tiny.config(
      num_layers=1, tie_embeddings=False, value_head="step", use_lm_head=False
    )
  )
  loss_fn = losses.loss_fn(model, losses.ObjectiveConfig("step"))
  found = beginnings.setup(
    model,
    loss_fn,
    warm,
    config,
    mesh=partition.make_mesh(),
    optim_config=optim.OptimConfig(learning_rate=0.05, num_steps=9, **options),
    rng_key=jax.random.key(1),
  )
  return model, loss_fn, found


def train(begun, steps):
  state, told = begun.run.init_state(), []
  for _ in range(steps):
    batch = partition.put_batch(BATCH, partition.batch_sharding(begun.run.mesh))
    state, found = begun.run.step_fn(state, batch)
    told.append(float(found["loss"].total / found["loss"].count))
  return state, told


def test_adapters_are_all_that_is_trained(warm):
  model, loss_fn, begun = begin(warm, CONFIG, ema_decay=0.5)
  before = jax.tree.map(np.asarray, warm)
  state, told = train(begun, 4)
  assert told[-1] < told[0]
  # The state has adapters and head alone; what it began with is as it was.
  assert set(state.params) == {"params", "adapters"}
  assert set(state.params["params"]) == {"value_head"}
  jax.tree.map(np.testing.assert_array_equal, warm, before)
  assert begun.run.num_compilations == 1

  whole = begun.merge(state.params)
  batch = jax.tree.map(jnp.asarray, BATCH)
  run = tiny.jit(lambda p: loss_fn(p, batch)[0])
  merged = run(whole)
  apart = evaluate.make_eval_fn(begun.loss_fn, lambda: [BATCH], begun.run.mesh)(
    state.params
  )["loss"]
  np.testing.assert_allclose(merged.total, apart.total, rtol=1e-5)
  shapes = jax.tree.map(jnp.shape, nn.unbox(jax.eval_shape(
    models.init_fn(model), jax.random.key(0)
  )))  # fmt: skip
  assert jax.tree.map(jnp.shape, whole) == shapes


def test_the_first_loss_is_that_of_the_model_it_begins_with(warm):
  """Of adapters and of whole parameters alike: a new head says nothing."""
  _, _, adapted = begin(warm, CONFIG)
  _, _, whole = begin(warm, lora.LoraConfig())
  state, first = train(whole, 2)
  assert train(adapted, 1)[1] == pytest.approx(first[:1], rel=1e-6)
  table = state.params["params"]["trunk"]["embedder"]["table"]
  old = warm["params"]["trunk"]["embedder"]["table"]
  assert np.abs(table - old).max() > 1e-3  # and these are trained
  assert set(state.params["params"]) == {"trunk", "value_head"}
