"""Does a reward tell which response belongs to which instruction?

Contrast Instructions (arXiv 2309.16155): pairs of similar instructions I, I'
whose good responses r, r' differ. A consistent reward prefers r to r' under I,
and r under I to r under I'. For step verifiers the same is asked by putting
another problem above a solution: its score has to fall.
"""

from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float

Ties = Literal["lost", "half"]
Rewards = Float[np.ndarray, "n"]


class Pairs(NamedTuple):
  """Rewards [n] of both responses under both instructions."""

  own: np.ndarray  # (I, r)
  other_response: np.ndarray  # (I, r')
  other_instruction: np.ndarray  # (I', r)
  other_own: np.ndarray  # (I', r')


def response_consistency(
  pairs: Pairs, ties: Ties = "lost"
) -> Float[np.ndarray, "n"]:
  """Of each pair: is r above r' under I, and r' above r under I'?

  The mean of the two, so 0, 1/2 or 1 (and quarters with ties at half); the
  share over pairs is its mean.
  """
  here = _above(pairs.own, pairs.other_response, ties)
  there = _above(pairs.other_own, pairs.other_instruction, ties)
  return (here + there) / 2


def instruction_consistency(
  pairs: Pairs, ties: Ties = "lost"
) -> Float[np.ndarray, "n"]:
  """Of each pair: is r higher under I than under I', and r' under I'?

  0 for a reward that does not read the instruction, 1/2 with ties at half.
  """
  here = _above(pairs.own, pairs.other_instruction, ties)
  there = _above(pairs.other_own, pairs.other_response, ties)
  return (here + there) / 2


def swap_consistency(
  own: Rewards, swapped: Rewards, ties: Ties = "lost"
) -> Float[np.ndarray, "n"]:
  """Of each solution: does its score fall under another problem?"""
  return _above(own, swapped, ties)


def _above(high: Rewards, low: Rewards, ties: Ties) -> Float[np.ndarray, "n"]:
  return (high > low) + (0.5 if ties == "half" else 0.0) * (high == low)
