"""Scorers made of other scorers, as `models.combined` of readings.

Members find their parameters under params["verifier"]["0"], "1", ...; a map
or a difference of one scorer takes its own.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp

from prm_jax.decode import scoring
from prm_jax.models import combined
from prm_jax.types import Array, Params


def own(params: Params, index: int) -> dict[str, Any]:
  """The parameters as member `index` wants them."""
  return {**params, "verifier": params["verifier"][str(index)]}


@dataclasses.dataclass(frozen=True)
class Mapped:
  """Scores by way of a map, such as `combined.ScoreMap`."""

  scorer: scoring.Scorer
  score_map: Callable[[Array], Array]

  def start(self, params, prompts, prompt_length, num_rows, max_tokens):
    return self.scorer.start(
      params, prompts, prompt_length, num_rows, max_tokens
    )

  def score(self, params, step, prompt, rows):
    score, num_read, rows = self.scorer.score(params, step, prompt, rows)
    return self.score_map(score), num_read, rows


@dataclasses.dataclass(frozen=True)
class Ensemble:
  """One score of several scorers; their tokens add up."""

  members: tuple[scoring.Scorer, ...]
  pool: combined.Pool

  def start(self, params, prompts, prompt_length, num_rows, max_tokens):
    begun = [
      member.start(own(params, i), prompts, prompt_length, num_rows, max_tokens)
      for i, member in enumerate(self.members)
    ]
    known, rows = zip(*begun, strict=True)
    return known, rows

  def score(self, params, step, prompt, rows):
    every = zip(self.members, prompt, rows, strict=True)
    found = [
      member.score(own(params, i), step, *known)
      for i, (member, *known) in enumerate(every)
    ]
    scores, num_read, rows = zip(*found, strict=True)
    return self.pool(jnp.stack(scores)), sum(num_read), rows


class _Risen(NamedTuple):
  """Rows of a scorer, and what it said last."""

  last: Array  # [B, N] float32
  is_begun: Array  # [B, N] bool: it has said something
  rows: Any


@dataclasses.dataclass(frozen=True)
class Differences:
  """By how much each step raises a score, which is 0 before the first."""

  scorer: scoring.Scorer

  def start(self, params, prompts, prompt_length, num_rows, max_tokens):
    known, rows = self.scorer.start(
      params, prompts, prompt_length, num_rows, max_tokens
    )
    return known, _nothing(prompts, num_rows, rows)

  def score(self, params, step, prompt, rows):
    score, num_read, new = self.scorer.score(params, step, prompt, rows.rows)
    rise, after = _rise(score, jnp.zeros_like(score), step, rows)
    return rise, num_read, after._replace(rows=new)


@dataclasses.dataclass(frozen=True)
class Advantages:
  """Q^pi + alpha A^mu, as `combined.Advantages`.

  Attributes:
    base: Q of the policy.
    prover: Q of the prover, whose head reads the prompt's last token too.
    alpha: of the advantage.
  """

  base: scoring.Scorer
  prover: scoring.ModelScorer
  alpha: float = 0.5

  def start(self, params, prompts, prompt_length, num_rows, max_tokens):
    given = prompts, prompt_length, num_rows, max_tokens
    of_base, base = self.base.start(own(params, 0), *given)
    of_prover, prover = self.prover.start(own(params, 1), *given)
    before = self.prover.of_prompts(own(params, 1), prompts, prompt_length)
    rows = base, _nothing(prompts, num_rows, prover)
    return (of_base, of_prover, before), rows

  def score(self, params, step, prompt, rows):
    of_base, of_prover, before = prompt
    base, risen = rows
    value, first_read, base = self.base.score(
      own(params, 0), step, of_base, base
    )
    now, second_read, prover = self.prover.score(
      own(params, 1), step, of_prover, risen.rows
    )
    first = jnp.broadcast_to(before[:, None], now.shape)
    rise, after = _rise(now, first, step, risen)
    score = value + self.alpha * rise
    return score, first_read + second_read, (base, after._replace(rows=prover))


def _nothing(prompts: Array, num_rows: int, rows: Any) -> _Risen:
  shape = (prompts.shape[0], num_rows)
  return _Risen(jnp.zeros(shape, jnp.float32), jnp.zeros(shape, bool), rows)


def _rise(
  now: Array, first: Array, step: scoring.NewStep, rows: _Risen
) -> tuple[Array, _Risen]:
  """now - what was before, which is `first` where nothing was said yet."""
  before = jnp.where(rows.is_begun, rows.last, first)
  is_new = step.length > step.start
  after = _Risen(
    jnp.where(is_new, now, rows.last), rows.is_begun | is_new, rows.rows
  )
  return now - before, after
