"""Where a step ends, as a finite automaton over tokens.

A delimiter may be one token, several, or a part of one (`".\\n\\n"`), so token
ids cannot be compared with it. The automaton reads the bytes of every token of
the vocabulary once, on the host; a decoder then looks two tables up per token.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Automaton(NamedTuple):
  """Tables over (state, token); state 0 is the start of a step."""

  next_state: np.ndarray  # int32 [states, v]
  hit: np.ndarray  # bool [states, v]: a delimiter is completed in this token


def single_tokens(ids: Sequence[int], vocab_size: int) -> Automaton:
  """Delimiters that are whole tokens."""
  hit = np.zeros((1, vocab_size), bool)
  hit[0, list(ids)] = True
  return Automaton(np.zeros((1, vocab_size), np.int32), hit)
