"""How sure a model is of tokens that a text already holds.

Two quantities that are easily taken for one another: the entropy of the law
of the next token, which asks for no token, and the surprisal of the one that
comes next. Both are in nats.
"""

import dataclasses

import jax
import jax.numpy as jnp

from prm_jax.models import lm, reads
from prm_jax.types import Array, Params


def entropy(logits: Array) -> Array:
  """-sum_v q(v) log q(v) of [..., v] logits -> [...]."""
  log_q = jax.nn.log_softmax(logits, axis=-1)
  # 0 log 0 = 0: some checkpoints have logits of -inf.
  terms = jnp.where(jnp.isneginf(log_q), 0, jnp.exp(log_q) * log_q)
  return -jnp.sum(terms, axis=-1)


def surprisal(logits: Array, tokens: Array) -> Array:
  """-log q(token) of [..., v] logits and [...] tokens -> [...]."""
  log_q = jax.nn.log_softmax(logits, axis=-1)
  return -jnp.take_along_axis(log_q, tokens[..., None], axis=-1)[..., 0]


@dataclasses.dataclass(frozen=True)
class Inspection:
  """Entropy behind each place, and surprisal of the token that follows it.

  A `reads.Reading` whose score of a place is a pair, [b, k, 2]: one forward
  tells both. The law is over the whole vocabulary; places are taken one after
  the other, for the logits of many would not fit.

  Attributes:
    model: has an LM head; `params` are its parameters.
  """

  model: lm.Model

  def __call__(self, params: Params, texts: reads.Texts) -> Array:
    hidden = reads.hidden_at(self.model, params, texts)
    behind = jnp.minimum(texts.places + 1, texts.tokens.shape[1] - 1)
    following = jnp.take_along_axis(texts.tokens, behind, axis=1)

    def one(place: tuple[Array, Array]) -> Array:
      logits = lm.logits(self.model, params, place[0])
      pair = (entropy(logits), surprisal(logits, place[1]))
      return jnp.stack(pair, axis=-1)

    by_place = (jnp.swapaxes(hidden, 0, 1), following.T)
    return jnp.swapaxes(jax.lax.map(one, by_place), 0, 1)
