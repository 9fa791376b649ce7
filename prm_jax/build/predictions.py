"""What a verifier says at every token of given examples."""

import dataclasses

import jax
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
  place = np.arange(int(examples.offsets[-1]), dtype=np.int32)
  numbered = dataclasses.replace(
    examples, columns={**examples.columns, "place_in_all": place}
  )
  once = dataclasses.replace(config, order="fixed", num_epochs=1)

  @jax.jit
  def read(params: Params, tokens: Array, at: Array, segment: Array) -> Array:
    out = lm.forward(model, params, tokens, at, segment)
    assert out.values is not None
    return heads.to_probability(out.values, model.config)

  found = np.zeros(len(place), np.float32)
  for batch in pipeline.make_iterator(numbered, once):
    named = ("tokens", "positions", "segment_ids")
    values = np.asarray(read(params, *(batch[name] for name in named)))
    there = batch["segment_ids"] > 0
    found[batch["place_in_all"][there]] = values[there]
  return found
