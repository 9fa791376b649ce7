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


def contains(
  words: delimiters.Automaton, tokens: Array, start: Array, length: Array
) -> Array:
  """Whether a word ends in a part of each text.

  Args:
    words: finds them, see `delimiters.byte_strings`; a word that began before
      the part does not count.
    tokens: [..., S] int32.
    start: [...] where the part begins.
    length: [...] where it ends.

  Returns:
    [...] bool.
  """
  hit, next_state = jnp.asarray(words.hit), jnp.asarray(words.next_state)

  def read(place, carry):
    at, found = carry
    token = tokens[..., place]
    inside = (place >= start) & (place < length)
    found |= inside & hit[at, token]
    return jnp.where(inside, next_state[at, token], at), found

  at = jnp.zeros(length.shape, next_state.dtype)
  found = jnp.zeros(length.shape, bool)
  return jax.lax.fori_loop(0, tokens.shape[-1], read, (at, found))[1]


def sense(words: delimiters.Automaton) -> handover.SenseFn:
  """Finds them in what was written between two states."""

  def found(before: state.DecodeState, after: state.DecodeState) -> Array:
    rows = after.rows
    return contains(words, rows.tokens, before.rows.length, rows.length)

  return found
