"""Words in what rows have just written."""

import jax
import jax.numpy as jnp

from prm_jax.decode import state
from prm_jax.search import handover
from prm_jax.text import delimiters
from prm_jax.types import Array

# Of the models that arXiv 2504.12329 hands over between.
CERTAIN = ("yeah", "yes", "final answer", "confident")
DOUBT = ("wait", "alternatively", "hold on", "another")
CHECK = ("verify", "think again", "recap", "check")
RECAP = "Let me check whether there are some wrong steps:"


def count(
  words: delimiters.Automaton, tokens: Array, start: Array, length: Array
) -> Array:
  """How many words end in a part of each text, at most one in each token.

  Args:
    words: finds them, see `delimiters.byte_strings`; a word that began before
      the part does not count.
    tokens: [..., S] int32.
    start: [...] where the part begins.
    length: [...] where it ends.

  Returns:
    [...] int32.
  """
  hit, next_state = jnp.asarray(words.hit), jnp.asarray(words.next_state)

  def read(place, carry):
    at, found = carry
    token = tokens[..., place]
    inside = (place >= start) & (place < length)
    found += inside & hit[at, token]
    return jnp.where(inside, next_state[at, token], at), found

  at = jnp.zeros(length.shape, next_state.dtype)
  found = jnp.zeros(length.shape, jnp.int32)
  return jax.lax.fori_loop(0, tokens.shape[-1], read, (at, found))[1]


def none(like: delimiters.Automaton) -> delimiters.Automaton:
  """Finds nothing in the same tokens."""
  return delimiters.single_tokens((), like.hit.shape[1])


def senses(
  certain: delimiters.Automaton | None,
  doubtful: delimiters.Automaton | None,
  checks: delimiters.Automaton | None,
) -> handover.Senses:
  """Of what was written between two states; None: there are no such words.

  The tone is that of the words of certainty less those of doubt and of
  checking.
  """

  def number(
    words: delimiters.Automaton | None,
    before: state.DecodeState,
    after: state.DecodeState,
  ) -> Array:
    rows = after.rows
    if words is None:
      return jnp.zeros_like(rows.length)
    return count(words, rows.tokens, before.rows.length, rows.length)

  return handover.Senses(
    lambda *pair: (
      number(certain, *pair) - number(doubtful, *pair) - number(checks, *pair)
    ),
    lambda *pair: number(checks, *pair) > 0,
  )
