"""Readings made of other readings: advantages, ensembles, calibrated scores.

Each is a frozen description like those of `reads`; where it holds several
members, `params` is a tuple of theirs.
"""

import dataclasses
from typing import Literal

import jax
import jax.numpy as jnp

from prm_jax.models import lm, reads
from prm_jax.types import Array, Params


@dataclasses.dataclass(frozen=True)
class Advantages:
  """Q^pi + alpha A^mu (PAV, arXiv:2410.08146).

  A^mu(s, a) = Q^mu(s, a) - Q^mu(before): progress under a prover. The value
  before the first step is that of the prompt, read at its last token, which
  the objective "pav" trains.

  Attributes:
    base: Q of the policy.
    prover: Q of the prover.
    alpha: of the advantage.
  """

  base: reads.Reading
  prover: reads.Reading
  alpha: float = 0.5

  def __call__(
    self,
    params: Params,
    tokens: Array,
    length: Array,
    start: Array,
    places: Array,
  ) -> Array:
    own = self.base(params[0], tokens, length, start, places)
    prompt = jnp.maximum(start - 1, 0)[:, None]
    both = jnp.concatenate([prompt, places], axis=1)
    values = self.prover(params[1], tokens, length, start, both)
    return own + self.alpha * (values[:, 1:] - values[:, :-1])


@dataclasses.dataclass(frozen=True)
class Ensemble:
  """Several verifiers of one tokenizer.

  Attributes:
    members: their readings.
    form: "mean"; "lower", a confidence bound, the mean less `width` standard
      deviations of the members; "disagreement", that standard deviation.
    width: of the bound.
  """

  members: tuple[reads.Reading, ...]
  form: Literal["mean", "lower", "disagreement"] = "mean"
  width: float = 1.0

  def __call__(
    self,
    params: Params,
    tokens: Array,
    length: Array,
    start: Array,
    places: Array,
  ) -> Array:
    scores = jnp.stack([
      member(own, tokens, length, start, places)
      for member, own in zip(self.members, params, strict=True)
    ])  # fmt: skip
    if self.form == "disagreement":
      return jnp.std(scores, axis=0)
    if self.form == "lower":
      return jnp.mean(scores, axis=0) - self.width * jnp.std(scores, axis=0)
    return jnp.mean(scores, axis=0)


@dataclasses.dataclass(frozen=True)
class Calibrated:
  """Scores by way of a map that was fitted on held-out ones.

  Attributes:
    reading: gives probabilities.
    temperature: of their log-odds; 1 leaves them.
    knots: (score, probability) of a map that is linear between them and
      constant beyond, in the order of scores; none: the identity.
  """

  reading: reads.Reading
  temperature: float = 1.0
  knots: tuple[tuple[float, float], ...] = ()

  def __call__(
    self,
    params: Params,
    tokens: Array,
    length: Array,
    start: Array,
    places: Array,
  ) -> Array:
    scores = self.reading(params, tokens, length, start, places)
    if self.temperature != 1:
      tiny = jnp.finfo(scores.dtype).eps
      logits = jax.scipy.special.logit(jnp.clip(scores, tiny, 1 - tiny))
      scores = jax.nn.sigmoid(logits / self.temperature)
    if self.knots:
      at, to = (jnp.array(side) for side in zip(*self.knots, strict=True))
      scores = jnp.interp(scores, at, to)
    return scores


@dataclasses.dataclass(frozen=True)
class Verdicts:
  """P(right) of a generative verifier that judges at once.

  p(right) / (p(right) + p(wrong)) of the token that would follow each place.

  Attributes:
    model: has an LM head.
    right: first token of the verdict on a right step.
    wrong: on a wrong one.
  """

  model: lm.Model
  right: int
  wrong: int

  def __call__(
    self,
    params: Params,
    tokens: Array,
    length: Array,
    start: Array,
    places: Array,
  ) -> Array:
    del start
    logits = reads.logits_at(self.model, params, tokens, length, places)
    return jax.nn.sigmoid(logits[..., self.right] - logits[..., self.wrong])
