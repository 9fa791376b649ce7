"""Scores at a few places of whole texts, in one forward.

A reading is a frozen description, so that programs are shared by all that have
the same one; `params` is what it asks for.
"""

import dataclasses
from typing import NamedTuple, Protocol, cast, runtime_checkable

import jax
import jax.numpy as jnp

from prm_jax.models import heads, lm
from prm_jax.types import Array, Params


class Texts(NamedTuple):
  """Right-padded texts, and where they are read.

  Attributes:
    tokens: [b, t] int32.
    length: [b] int32 tokens in use.
    start: [b] int32 where the solution begins.
    places: [b, k] int32, each below its text's length.
  """

  tokens: Array
  length: Array
  start: Array
  places: Array


@runtime_checkable
class Reading(Protocol):
  """How places of a text get their scores."""

  def __call__(self, params: Params, texts: Texts) -> Array:
    """[b, k] float32 scores at the places; params of the model or models.

    What tells several quantities of a place has them last, [b, k, m].
    """
    ...


@dataclasses.dataclass(frozen=True)
class Values:
  """What a value head says; it sees the places alone.

  Attributes:
    model: has a value head; `params` are its parameters.
  """

  model: lm.Model

  def __call__(self, params: Params, texts: Texts) -> Array:
    out = self.model.apply(params, texts, method=_values_at)
    return heads.to_probability(cast(Array, out), self.model.config)


@dataclasses.dataclass(frozen=True)
class LogRatios:
  """beta * sum of log p / p_ref over the solution up to each place.

  The Q-value of an implicit process reward model (arXiv 2412.01981): what is
  summed begins with the solution's first token and holds the place's own.

  Attributes:
    model: has an LM head; `params["model"]` are its parameters.
    reference: what it was trained from; `params["reference"]`.
    beta: of the training.
    block: tokens whose logits are there at a time; 0: all.
  """

  model: lm.Model
  reference: lm.Model
  beta: float
  block: int = 1024

  def __call__(self, params: Params, texts: Texts) -> Array:
    sides = ((self.model, "model"), (self.reference, "reference"))
    own, ref = (
      model.apply(params[name], texts, self.block, method=_log_probs)
      for model, name in sides
    )
    ratio = cast(Array, own) - cast(Array, ref)
    at = jnp.arange(texts.tokens.shape[1])
    inside = (at >= texts.start[:, None]) & (at < texts.length[:, None])
    total = jnp.cumsum(jnp.where(inside, ratio, 0), axis=1)
    return self.beta * jnp.take_along_axis(total, texts.places, axis=1)


def _hidden(model: lm.Model, texts: Texts) -> Array:
  shape = texts.tokens.shape
  positions = jnp.broadcast_to(jnp.arange(shape[1]), shape)
  segment_ids = (positions < texts.length[:, None]).astype(jnp.int32)
  return model.trunk(texts.tokens, positions, segment_ids)


def _values_at(model: lm.Model, texts: Texts) -> Array:
  return model.values(_hidden_at(model, texts))


def hidden_at(model: lm.Model, params: Params, texts: Texts) -> Array:
  """[b, k, d] what the heads see at the places."""
  return cast(Array, model.apply(params, texts, method=_hidden_at))


def _hidden_at(model: lm.Model, texts: Texts) -> Array:
  hidden = _hidden(model, texts)
  return jnp.take_along_axis(hidden, texts.places[..., None], axis=1)


def logits_at(model: lm.Model, params: Params, texts: Texts) -> Array:
  """[b, k, v] of the tokens that would follow the places."""
  return cast(Array, model.apply(params, texts, method=_logits_at))


def _logits_at(model: lm.Model, texts: Texts) -> Array:
  return model.logits(_hidden_at(model, texts))


def _log_probs(model: lm.Model, texts: Texts, block: int) -> Array:
  """log p of every token given those before it, [b, t]; 0 for the first.

  Logits of all tokens of a large vocabulary would not fit, so that they are
  made block by block.
  """
  tokens, hidden = texts.tokens, _hidden(model, texts)[:, :-1]
  count, width = hidden.shape[0] * hidden.shape[1], hidden.shape[2]
  block = min(block or count, count)
  spare = -count % block
  rows = jnp.pad(hidden.reshape(count, width), ((0, spare), (0, 0)))
  wanted = jnp.pad(tokens[:, 1:].reshape(count), (0, spare))

  def one(pair: tuple[Array, Array]) -> Array:
    logits = model.logits(pair[0])
    own = jnp.take_along_axis(logits, pair[1][:, None], axis=1)[:, 0]
    return own - jax.nn.logsumexp(logits, axis=1)

  parts = (rows.reshape(-1, block, width), wanted.reshape(-1, block))
  found = jax.lax.map(one, parts).reshape(-1)[:count]
  found = found.reshape(tokens.shape[0], -1)
  return jnp.pad(found, ((0, 0), (1, 0)))
