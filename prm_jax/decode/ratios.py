"""An implicit reward model scores rows as they grow (arXiv 2412.01981)."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from prm_jax.decode import laws, scoring, state
from prm_jax.models import cache, lm
from prm_jax.types import Array, Params

NAMES = ("model", "reference")  # of params["verifier"]


class _Rows(NamedTuple):
  """What is known of each row."""

  total: Array  # [B, N] float32 sum of log-ratios
  readers: tuple[state.Second, ...]


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
  ) -> tuple[Any, _Rows]:
    begun = [
      reader.start(own, prompts, prompt_length, num_rows, max_tokens)
      for reader, own in self._readers(params)
    ]
    known, rows = zip(*begun, strict=True)
    total = jnp.zeros((prompts.shape[0], num_rows), jnp.float32)
    return known, _Rows(total, rows)

  def score(
    self, params: Params, step: scoring.NewStep, prompt: Any, rows: Any
  ) -> tuple[Array, Array, _Rows]:
    num_new = step.length - step.start

    def read(carry: tuple[Array, _Rows]) -> tuple[Array, _Rows]:
      done, rows = carry
      index = (step.start + done)[..., None] + jnp.arange(self.chunk)
      tokens = jnp.take_along_axis(
        step.tokens, jnp.minimum(index, step.tokens.shape[-1] - 1), axis=-1
      )
      count = jnp.clip(num_new - done, 0, self.chunk)
      log_probs, readers = [], []
      every = zip(self._readers(params), prompt, rows.readers, strict=True)
      for (reader, own), asked, known in every:
        logits, known = reader(own, tokens, count, asked, known)
        log_p = jax.nn.log_softmax(logits, axis=-1)
        log_probs.append(
          jnp.take_along_axis(log_p, tokens[..., None], axis=-1)[..., 0]
        )
        readers.append(known)
      counts = jnp.arange(self.chunk) < count[..., None]
      ratio = jnp.where(counts, log_probs[0] - log_probs[1], 0)
      total = rows.total + jnp.sum(ratio, axis=-1)
      return done + count, _Rows(total, tuple(readers))

    _, rows = jax.lax.while_loop(
      lambda carry: jnp.any(carry[0] < num_new),
      read,
      (jnp.zeros_like(num_new), rows),
    )
    return self.beta * rows.total, num_new * len(NAMES), rows

  def _readers(self, params: Params) -> list[tuple[laws.LawReader, Params]]:
    sides = zip((self.model, self.reference), NAMES, strict=True)
    return [
      (laws.LawReader(model, self.layout), params["verifier"][name])
      for model, name in sides
    ]
