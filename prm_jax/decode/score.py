"""Scores of finished texts in one uncached forward."""

import jax
import jax.numpy as jnp

from prm_jax.models import heads, lm
from prm_jax.types import Array, Params


def prefix_scores(
  model: lm.Model, params: Params, tokens: Array, length: Array
) -> Array:
  """P(correct) of the prefix that ends at each token.

  Args:
    model: has a value head.
    params: its parameters.
    tokens: [b, t] int32, prompt and solution, right-padded.
    length: [b] int32 tokens in use.

  Returns:
    [b, t] float32; meaningless from `length` on.
  """
  positions = jnp.broadcast_to(jnp.arange(tokens.shape[1]), tokens.shape)
  segment_ids = (positions < length[:, None]).astype(jnp.int32)
  out = lm.forward(model, params, tokens, positions, segment_ids)
  assert out.values is not None, "the model has no value head"
  return heads.to_probability(out.values, model.config)


def choice(
  model: lm.Model,
  params: Params,
  tokens: Array,
  length: Array,
  candidates: Array,
) -> Array:
  """Shares of a few tokens among themselves, as the next of each text.

  Args:
    model: has an LM head.
    params: its parameters, layers apart or not.
    tokens: [b, t] int32, right-padded.
    length: [b] int32 tokens in use.
    candidates: [c] int32 ids.

  Returns:
    [b, c] float32 that sum to 1.
  """
  hidden, _ = lm.read_prompts(model, params, tokens, length)
  logits = lm.logits(model, params, hidden)
  return jax.nn.softmax(logits[:, candidates], axis=-1)
