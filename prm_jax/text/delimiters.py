"""Where a step ends, as a finite automaton over tokens.

A delimiter may be one token, several, or a part of one (`".\\n\\n"`), so token
ids cannot be compared with it. The automaton reads the bytes of every token of
the vocabulary once, on the host; a decoder then looks two tables up per token.

When to begin anew is the decoder's affair. A decoder of steps goes back to
state 0 at every step, so no byte is part of two delimiters, and what stands
behind a delimiter inside its token belongs to the step that ends there: one
token ends at most one step. Stop strings are found by the same tables without
ever going back.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from prm_jax import errors


class Automaton(NamedTuple):
  """Tables over (state, token); state 0 is the start of a step."""

  next_state: np.ndarray  # [states, v], the smallest unsigned type that fits
  hit: np.ndarray  # bool [states, v]: a delimiter is completed in this token


class ByteAutomaton(NamedTuple):
  """Aho and Corasick's: the state is the longest pattern prefix at the end."""

  next_state: np.ndarray  # int32 [states, 256]
  accepts: np.ndarray  # bool [states]: a pattern ends here


def single_tokens(ids: Sequence[int], vocab_size: int) -> Automaton:
  """Delimiters that are whole tokens."""
  hit = np.zeros((1, vocab_size), bool)
  hit[0, list(ids)] = True
  return Automaton(np.zeros((1, vocab_size), np.uint8), hit)


def byte_strings(
  patterns: Sequence[bytes], token_bytes: Sequence[bytes]
) -> Automaton:
  """Delimiters wherever they stand: inside a token, or across several.

  Args:
    patterns: the delimiters; none of them empty.
    token_bytes: what each token writes, by id, see `token_bytes.of`. A token
      that writes nothing leaves the state alone.
  """
  machine = of_patterns(patterns)
  states, size = len(machine.accepts), len(token_bytes)
  length = np.array([len(token) for token in token_bytes], np.int64)
  longest = int(length.max(initial=0))
  padded = np.zeros((size, longest), np.uint8)
  for row, token in enumerate(token_bytes):
    padded[row, : len(token)] = np.frombuffer(token, np.uint8)
  state = np.repeat(np.arange(states, dtype=np.int32)[:, None], size, axis=1)
  hit = np.zeros((states, size), bool)
  for place in range(longest):
    (alive,) = np.nonzero(length > place)
    after = machine.next_state[state[:, alive], padded[alive, place]]
    state[:, alive] = after
    hit[:, alive] |= machine.accepts[after]
  return Automaton(state.astype(np.min_scalar_type(states - 1)), hit)


def of_patterns(patterns: Sequence[bytes]) -> ByteAutomaton:
  """The automaton that accepts after each pattern; states: bytes at most + 1.

  Raises:
    UserError: no pattern, or an empty one.
  """
  if not patterns or not all(patterns):
    raise errors.UserError(
      f"delimiters: must be non-empty strings, got {list(patterns)!r}"
    )
  children: list[dict[int, int]] = [{}]
  accepts = [False]
  for pattern in patterns:
    node = 0
    for byte in pattern:
      if byte not in children[node]:
        children[node][byte] = len(children)
        children.append({})
        accepts.append(False)
      node = children[node][byte]
    accepts[node] = True
  # `longer` is the row of the longest proper suffix that is a state: filled
  # in by breadth, for suffixes are shorter.
  table = np.zeros((len(children), 256), np.int32)
  suffix = [0] * len(children)
  queue = [0]
  for node in queue:
    longer = table[suffix[node]].copy()
    accepts[node] |= accepts[suffix[node]]
    for byte, child in children[node].items():
      suffix[child] = int(longer[byte]) if node else 0
      longer[byte] = child
      queue.append(child)
    table[node] = longer
  return ByteAutomaton(table, np.array(accepts))
