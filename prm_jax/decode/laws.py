"""The laws that the tokens of rows were drawn from, by a model that reads."""

import dataclasses
from typing import Any

import jax.numpy as jnp

from prm_jax.decode import state
from prm_jax.models import cache, lm
from prm_jax.types import Array, Params


@dataclasses.dataclass(frozen=True)
class LawReader:
  """A model beside the one that writes, with a cache of its own.

  Attributes:
    model: has an LM head.
    layout: of its cache.
  """

  model: lm.Model
  layout: cache.Layout = cache.CONTIGUOUS

  def start(
    self,
    params: Params,
    prompts: Array,
    prompt_length: Array,
    num_rows: int,
    max_tokens: int,
  ) -> tuple[state.Second, state.Second]:
    """What it knows of the prompts [B, P], and rows with nothing read."""
    read = lm.read_prompts(self.model, params, prompts, prompt_length)
    config = self.model.config.transformer
    shape = (prompts.shape[0], num_rows)
    nothing = jnp.zeros((*shape, config.embed_dim), config.jax_dtype)
    rows = self.layout.empty_rows(config, *shape, max_tokens)
    return state.Second(*read), state.Second(nothing, rows)

  def __call__(
    self,
    params: Params,
    tokens: Array,
    count: Array,
    prompt: state.Second,
    rows: Any,
  ) -> tuple[Array, state.Second]:
    """Logits [B, N, C, v] that the tokens were drawn from, and longer rows.

    Args:
      params: of the model.
      tokens: [B, N, C] the next ones of the rows.
      count: [B, N] how many of them there are.
      prompt: of each problem.
      rows: what has been read of each row.
    """
    at_prompt = (rows.cache.length == 0)[..., None]
    before = jnp.where(at_prompt, prompt.hidden[:, None], rows.hidden)
    new, own = lm.extend_rows(
      self.model, params, tokens, count, prompt.cache, rows.cache
    )
    all_ = jnp.concatenate([before[:, :, None], new], axis=2)
    last = jnp.take_along_axis(all_, count[..., None, None], axis=2)[:, :, 0]
    logits = lm.logits(self.model, params, all_[:, :, :-1])
    return logits, state.Second(last, own)
