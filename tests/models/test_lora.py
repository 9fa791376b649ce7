"""Adapters: begin as nothing, act like the merged matrices, train alone."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax import errors
from prm_jax.models import lm, lora
from tests.models import tiny

TOKENS = jnp.array([[1, 5, 3, 9, 2, 7], [4, 4, 8, 1, 0, 0]], jnp.int32)
PLACES = jnp.tile(jnp.arange(6), (2, 1))
SEGMENTS = (TOKENS > 0).astype(jnp.int32)


def forward(model, params):
  run = tiny.jit(lambda p: lm.forward(model, p, TOKENS, PLACES, SEGMENTS))
  return np.asarray(run(params).logits)


def make(targets, rank=3):
  model, params = tiny.make(0, use_qkv_bias=True)
  config = lora.LoraConfig(rank, 7.0, targets)
  boxed = nn.unbox(params)
  adapters = nn.unbox(lora.init(jax.random.key(1), config, boxed))
  return model, boxed, config, adapters


def moved(adapters):
  """As if they had been trained."""
  keys = iter(jax.random.split(jax.random.key(2), 99))
  return jax.tree.map(
    lambda x: x + 0.1 * jax.random.normal(next(keys), x.shape), adapters
  )


def test_they_begin_as_nothing():
  model, params, config, adapters = make(tuple(lora.TARGETS))
  with_them = lora.attach(params, adapters, config)
  np.testing.assert_array_equal(
    forward(model, with_them), forward(model, params)
  )
  whole = lora.merge(params, adapters, config)
  jax.tree.map(np.testing.assert_array_equal, whole, params)
  # Only where it multiplies: else nothing would ever be learnt.
  assert jnp.std(adapters["trunk"]["layers"]["mlp"]["up"]["down"]) > 0.01


@pytest.mark.parametrize("name", [*lora.TARGETS, "all"])
def test_merged_is_the_same_model(name):
  targets = tuple(lora.TARGETS) if name == "all" else (name,)
  model, params, config, adapters = make(targets)
  adapters = moved(adapters)
  apart = forward(model, lora.attach(params, adapters, config))
  whole = forward(model, lora.merge(params, adapters, config))
  np.testing.assert_allclose(whole, apart, atol=1e-5)
  assert np.abs(apart - forward(model, params)).max() > 1e-3


def test_a_merge_by_hand():
  """W + alpha / r B A, layer by layer, on the query's matrix."""
  _, params, config, adapters = make(("q_proj",), rank=2)
  adapters = moved(adapters)
  whole = lora.merge(params, adapters, config)
  path = ("trunk", "layers", "attention", "query")
  old, new, own = params["params"], whole["params"], adapters
  for name in path:
    old, new, own = old[name], new[name], own[name]
  for layer in range(2):
    product = np.asarray(own["down"][layer]) @ np.asarray(
      own["up"][layer]
    ).reshape(2, -1)
    want = np.asarray(old["kernel"][layer]) + 7.0 / 2 * product.reshape(
      old["kernel"][layer].shape
    )
    np.testing.assert_allclose(new["kernel"][layer], want, atol=1e-5)
  np.testing.assert_array_equal(new["bias"], old["bias"])


def test_axes_are_named_as_the_matrix_is():
  model, one = lm.Model(tiny.config()), jnp.ones((1, 2), jnp.int32)
  key = jax.random.key(0)
  boxed = jax.eval_shape(lambda k: model.init(k, one, one, one), key)
  config = lora.LoraConfig(2, 1.0, ("q_proj", "o_proj"))
  own = jax.eval_shape(lambda k: lora.init(k, config, boxed), key)
  attention = own["trunk"]["layers"]["attention"]
  assert attention["query"]["down"].names == ("layers", "embed", None)
  assert attention["query"]["up"].names == (
    "layers", None, "heads", "head_dim",
  )  # fmt: skip
  assert attention["out"]["down"].names == (
    "layers", "heads", "head_dim", None,
  )  # fmt: skip
  assert attention["out"]["up"].names == ("layers", None, "embed")


@pytest.mark.parametrize(
  ("fields", "told"),
  [
    ({"rank": -1}, "lora.rank: must be at least 0"),
    ({"rank": 2, "alpha": 0.0}, "lora.alpha: must be above 0"),
    ({"rank": 2, "targets": ("qkv",)}, "lora.targets: 'qkv' is not one of"),
    ({"rank": 2, "targets": ()}, "lora.targets: there are none"),
  ],
)
def test_mistakes(fields, told):
  with pytest.raises(errors.UserError) as error:
    lora.LoraConfig(**fields)
  assert told in str(error.value)


def test_a_rank_beyond_the_matrix():
  with pytest.raises(errors.UserError, match=r"lora\.rank: 17 is more"):
    make(("q_proj",), rank=17)
