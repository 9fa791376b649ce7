"""An implicit reward model scores rows as they grow (arXiv 2412.01981)."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from prm_jax.decode import laws, reading, scoring
from prm_jax.models import cache, lm
from prm_jax.types import Array, Params

NAMES = ("model", "reference")  # of params["verifier"]


@dataclasses.dataclass(frozen=True)
class RatioScorer:
  """beta * sum of log p / p_ref over what a row holds, as `reads.LogRatios`.

  Attributes:
    model: has an LM head; `params["verifier"]["model"]` are its parameters.
    reference: what it compares with; `params["verifier"]["reference"]`.
    beta: of the training.
    chunk: tokens read at once.
    layout: of both caches.
  """

  model: lm.Model
  reference: lm.Model
  beta: float
  chunk: int = 8
  layout: cache.Layout = cache.CONTIGUOUS

  def start(
    self,
    params: Params,
    prompts: Array,
    prompt_length: Array,
    num_rows: int,
    max_tokens: int,
  ) -> tuple[Any, laws.Rows]:
    begun = [
      reader.start(own, prompts, prompt_length, num_rows, max_tokens)
      for reader, own in self._readers(params)
    ]
    known, rows = zip(*begun, strict=True)
    total = jnp.zeros((prompts.shape[0], num_rows), jnp.float32)
    return known, laws.Rows(total, rows)

  def score(
    self, params: Params, step: scoring.NewStep, prompt: Any, rows: Any
  ) -> tuple[Array, Array, laws.Rows]:
    texts = reading.Texts(step.tokens, step.start, step.length)
    readers = self._readers(params)
    rows = laws.read(readers, texts, self.chunk, prompt, rows, _add)
    num_new = step.length - step.start
    return self.beta * rows.total, num_new * len(NAMES), rows

  def _readers(self, params: Params) -> list[tuple[laws.LawReader, Params]]:
    sides = zip((self.model, self.reference), NAMES, strict=True)
    return [
      (laws.LawReader(model, self.layout), params["verifier"][name])
      for model, name in sides
    ]


def _add(total: Array, chunk: reading.Chunk, logits: Sequence[Array]) -> Array:
  """[B, N] sums of log-ratios."""
  own, reference = (
    jnp.take_along_axis(
      jax.nn.log_softmax(law, axis=-1), chunk.tokens[..., None], axis=-1
    )[..., 0]
    for law in logits
  )
  ratio = jnp.where(chunk.is_there, own - reference, 0)
  return total + jnp.sum(ratio, axis=-1)
