"""What a verifier says at every token of given examples."""

import dataclasses
from collections.abc import Callable, Sequence
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

  def read(params: Params, *arrays: Array) -> tuple[Array]:
    out = lm.forward(model, params, *arrays)
    assert out.values is not None
    return (heads.to_probability(out.values, model.config),)

  (found,) = _at_all(read, params, examples, config, ((),))
  return found


def scores_and_features(
  model: lm.Model,
  params: Params,
  examples: examples_lib.Examples,
  config: pipeline.PipelineConfig,
) -> tuple[np.ndarray, np.ndarray]:
  """As `scores`, and what the heads see, float32 [total tokens, d]."""

  def read(params: Params, *arrays: Array) -> tuple[Array, Array]:
    hidden = cast(Array, model.apply(params, *arrays, method=_trunk))
    values = lm.values(model, params, hidden)
    score = heads.to_probability(values, model.config)
    return score, hidden.astype(jnp.float32)

  width = model.config.transformer.embed_dim
  said, seen = _at_all(read, params, examples, config, ((), (width,)))
  return said, seen


def _trunk(model: lm.Model, *arrays: Array) -> Array:
  return model.trunk(*arrays)


def _at_all(
  read: Callable[..., tuple[Array, ...]],
  params: Params,
  examples: examples_lib.Examples,
  config: pipeline.PipelineConfig,
  shapes: Sequence[tuple[int, ...]],
) -> list[np.ndarray]:
  """What is read at every token: several things, each of its shape."""
  place = np.arange(int(examples.offsets[-1]), dtype=np.int32)
  numbered = dataclasses.replace(
    examples, columns={**examples.columns, "place_in_all": place}
  )
  once = dataclasses.replace(config, order="fixed", num_epochs=1)
  jitted = jax.jit(read)
  found = [np.zeros((len(place), *shape), np.float32) for shape in shapes]
  for batch in pipeline.make_iterator(numbered, once):
    named = ("tokens", "positions", "segment_ids")
    values = jitted(params, *(batch[name] for name in named))
    there = batch["segment_ids"] > 0
    for all_, own in zip(found, values, strict=True):
      all_[batch["place_in_all"][there]] = np.asarray(own)[there]
  return found
