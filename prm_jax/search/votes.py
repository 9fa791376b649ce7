"""Choosing a row by its answer: majority and weighted votes.

Answers are integer ids, equal for equal answers, MISSING where a solution has
none. Group totals tie to the answer that occurs first, and the row returned
is the first one with the winning answer.
"""

from typing import Literal, TypeAlias

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

MISSING = -1

Answers: TypeAlias = Int[Array, "B N"]
Chosen: TypeAlias = Int[Array, "B"]


def majority(
  answers: Answers, *, missing: Literal["exclude", "group"] = "exclude"
) -> Chosen:
  """The most frequent answer: self-consistency (2203.11171).

  Args:
    answers: answer ids, MISSING for none.
    missing: leave rows without an answer out of the vote, or let them be one
      answer of their own. Row 0 is returned where nothing may be voted for.
  """
  return weighted(answers, jnp.ones(answers.shape), missing=missing)


def weighted(
  answers: Answers,
  weights: Float[Array, "B N"],
  *,
  missing: Literal["exclude", "group"] = "exclude",
) -> Chosen:
  """The answer with the largest sum of weights (2206.02336).

  With verifier scores as weights this is weighted best-of-N, with normalised
  particle weights the posterior's most likely answer. Weights of zero remove
  rows, for instance the idle copies of a step beam.
  """
  same = answers[:, :, None] == answers[:, None, :]
  totals = jnp.sum(jnp.where(same, weights[:, None, :], 0), axis=2)
  # Rows of a group share one total, whatever order each was summed in.
  first = jnp.argmax(same, axis=2)
  totals = jnp.take_along_axis(totals, first, axis=1)
  if missing == "exclude":
    totals = jnp.where(answers == MISSING, -jnp.inf, totals)
  return jnp.argmax(totals, axis=1).astype(jnp.int32)
