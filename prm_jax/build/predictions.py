"""What a verifier says at every token of given examples."""

import dataclasses
from collections.abc import Callable
from typing import cast

import jax
import jax.numpy as jnp
import numpy as np

from prm_jax.data import examples as examples_lib
from prm_jax.data import pipeline
from prm_jax.models import heads, lm
from prm_jax.types import Array, Params


def scores(
  model: lm.Model,
  params: Params,
  examples: examples_lib.Examples,
  config: pipeline.PipelineConfig,
) -> np.ndarray:
  """Scores in the order of the examples' columns.

  Args:
    model: has a value head.
    params: its parameters.
    examples: those longer than a row were left out before.
    config: shapes of the batches; the order is of no matter.

  Returns:
    float32 [total tokens].
  """

  def read(params: Params, tokens: Array, at: Array, segment: Array) -> Array:
    out = lm.forward(model, params, tokens, at, segment)
    assert out.values is not None
    return heads.to_probability(out.values, model.config)

  return _at_all(read, params, examples, config, ())


def features(
  model: lm.Model,
  params: Params,
  examples: examples_lib.Examples,
  config: pipeline.PipelineConfig,
) -> np.ndarray:
  """What the heads see, float32 [total tokens, d]; else as `scores`."""

  def read(params: Params, tokens: Array, at: Array, segment: Array) -> Array:
    out = model.apply(params, tokens, at, segment, method=_trunk)
    return cast(Array, out).astype(jnp.float32)

  width = model.config.transformer.embed_dim
  return _at_all(read, params, examples, config, (width,))


def _trunk(model: lm.Model, *arrays: Array) -> Array:
  return model.trunk(*arrays)


def _at_all(
  read: Callable[..., Array],
  params: Params,
  examples: examples_lib.Examples,
  config: pipeline.PipelineConfig,
  shape: tuple[int, ...],
) -> np.ndarray:
  """What is read at every token, each of `shape`."""
  place = np.arange(int(examples.offsets[-1]), dtype=np.int32)
  numbered = dataclasses.replace(
    examples, columns={**examples.columns, "place_in_all": place}
  )
  once = dataclasses.replace(config, order="fixed", num_epochs=1)
  jitted = jax.jit(read)
  found = np.zeros((len(place), *shape), np.float32)
  for batch in pipeline.make_iterator(numbered, once):
    named = ("tokens", "positions", "segment_ids")
    values = np.asarray(jitted(params, *(batch[name] for name in named)))
    there = batch["segment_ids"] > 0
    found[batch["place_in_all"][there]] = values[there]
  return found
