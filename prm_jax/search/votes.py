"""Choosing a row by its answer: best, majority, weighted and ranked votes.

Answers are integer ids, equal for equal answers, MISSING where a solution has
none. Rows without an answer take no part ("exclude") or are one answer of
their own ("group"); row 0 is returned where nothing may be chosen. Group
totals tie to the answer that occurs first, and the row returned is the first
one with the winning answer. A score or weight that is NaN is the worst.
"""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from prm_jax.search import ranking

MISSING = -1

Answers: TypeAlias = Int[Array, "B N"]
Scores: TypeAlias = Float[Array, "B N"]
Chosen: TypeAlias = Int[Array, "B"]
Missing: TypeAlias = Literal["exclude", "group"]

# `(answers [B, N], scores [B, N]) -> rows [B]`.
Rule: TypeAlias = Callable[[Array, Array], Array]


def answer_ids(
  answers: Sequence[Sequence[str | None]],
) -> Int[np.ndarray, "p n"]:
  """[p][n] texts to int32 ids, numbered by first occurrence; None: MISSING."""
  found = []
  for row in answers:
    known: dict[str | None, int] = {None: MISSING}
    found.append([known.setdefault(answer, len(known) - 1) for answer in row])
  return np.array(found, np.int32)


def naive(
  answers: Answers, scores: Scores, *, missing: Missing = "exclude"
) -> Chosen:
  """The row with the highest score: best-of-N among those with an answer."""
  return _best_allowed(scores, _allowed(answers, missing))


def majority(answers: Answers, *, missing: Missing = "exclude") -> Chosen:
  """The most frequent answer: self-consistency (2203.11171)."""
  return weighted(answers, jnp.ones(answers.shape), missing=missing)


def weighted(
  answers: Answers, weights: Scores, *, missing: Missing = "exclude"
) -> Chosen:
  """The answer with the largest sum of weights (2206.02336).

  With verifier scores as weights this is weighted best-of-N, with normalised
  particle weights the posterior's most likely answer. Weights of zero remove
  rows, for instance the idle copies of a step beam. Weights are meant to be
  non-negative: among sums of log-odds, say, a vote more may be a vote less.
  """
  same = answers[:, :, None] == answers[:, None, :]
  weights = jnp.where(jnp.isnan(weights), 0, weights)
  totals = jnp.sum(jnp.where(same, weights[:, None, :], 0), axis=2)
  # Rows of a group share one total, whatever order each was summed in.
  first = jnp.argmax(same, axis=2)
  totals = jnp.take_along_axis(totals, first, axis=1)
  return _best_allowed(totals, _allowed(answers, missing))


def borda(
  answers: Answers,
  scores: Scores,
  *,
  power: float | int = 0.5,
  missing: Missing = "exclude",
) -> Chosen:
  """Votes by rank: the r-th best row (from 0) has (N - r)^power (2502.18581).

  Only the order of the scores matters. Power 0 is the majority vote; a large
  power lets the best row decide. Ranks are among all N rows; equal scores
  rank by index.
  """
  num_rows = scores.shape[1]
  rank = jnp.argsort(ranking.best(scores, num_rows), axis=1)
  # Over N, lest a large power overflow.
  votes = ((num_rows - rank) / num_rows) ** power
  return weighted(answers, votes, missing=missing)


class Adaptive(NamedTuple):
  """A vote that may have stopped early."""

  chosen: Array  # [B] int32
  num_used: (
    Array  # [B] int32 rows that were looked at, those without answer too
  )


def adaptive(
  answers: Answers, *, threshold: float = 0.95, missing: Missing = "exclude"
) -> Adaptive:
  """Majority vote over as many rows as it takes (2305.11860).

  With v1 and v2 votes for the two most frequent answers so far, it stops as
  soon as P(p1 > 1/2) = 1 - I_{1/2}(v1 + 1, v2 + 1) >= threshold, which is the
  posterior of a two-way race from a uniform prior. At 0.95: after 4 rows that
  agree.

  Args:
    answers: ids in the order the rows would be sampled.
    threshold: confidence at which no more rows are needed, above 1/2.
    missing: see the module.

  Raises:
    ValueError: a threshold that no vote at all would reach.
  """
  if not threshold > 0.5:
    raise ValueError(f"threshold must be above 1/2, got {threshold}")
  num_rows = answers.shape[1]
  same = answers[:, :, None] == answers[:, None, :]
  seen = jnp.tril(jnp.ones((num_rows, num_rows), bool))  # [rows so far, row]
  counts = jnp.einsum("tj,bij->bti", seen.astype(jnp.int32), same)
  opens = jnp.argmax(same, axis=2) == jnp.arange(num_rows)  # the answer's first
  opens &= _allowed(answers, missing)
  counts = jnp.where(opens[:, None] & seen, counts, 0)
  top = jnp.sort(counts, axis=2)[:, :, ::-1].astype(jnp.float32)
  second = top[:, :, 1] if num_rows > 1 else jnp.zeros_like(top[:, :, 0])
  lead = majority_confidence(top[:, :, 0], second)  # [B, rows so far]
  stops = (lead >= threshold).at[:, -1].set(True)
  last = jnp.argmax(stops, axis=1)
  used = jnp.arange(num_rows) <= last[:, None]
  chosen = weighted(answers, used.astype(jnp.float32), missing=missing)
  return Adaptive(chosen, (last + 1).astype(jnp.int32))


def majority_confidence(
  first: Float[Array, "*d"], second: Float[Array, "*d"]
) -> Float[Array, "*d"]:
  """P(p > 1/2) after `first` votes for and `second` against, flat prior."""
  return 1 - jax.scipy.special.betainc(first + 1, second + 1, 0.5)


def _allowed(answers: Answers, missing: Missing) -> Array:
  """[B, N] rows that may be chosen."""
  if missing == "group":
    return jnp.ones(answers.shape, bool)
  return answers != MISSING


def _best_allowed(scores: Scores, allowed: Array) -> Chosen:
  """The first best row of those allowed, even if all their scores are -inf."""
  scores = ranking.comparable(scores)
  best = jnp.max(scores, axis=1, keepdims=True, where=allowed, initial=-jnp.inf)
  return jnp.argmax(allowed & (scores == best), axis=1).astype(jnp.int32)
