"""Readings made of other readings: advantages, ensembles, calibrated scores.

Each is a frozen description like those of `reads`; where it holds several
members, `params` maps "0", "1", ... to theirs.
"""

import dataclasses
from typing import Literal, TypeAlias

import jax
import jax.numpy as jnp

from prm_jax.models import lm, reads
from prm_jax.types import Array, Params

PoolForm: TypeAlias = Literal["mean", "minimum", "lower", "disagreement"]


@dataclasses.dataclass(frozen=True)
class Pool:
  """One score of several verifiers' scores.

  Attributes:
    form: "mean"; "minimum", that of the most doubtful; "lower", a confidence
      bound, the mean less `width` standard deviations of the members;
      "disagreement", that standard deviation.
    width: of the bound.
  """

  form: PoolForm = "mean"
  width: float = 1.0

  def __call__(self, scores: Array) -> Array:
    """[m, ...] of m members -> [...]."""
    if self.form == "disagreement":
      return jnp.std(scores, axis=0)
    if self.form == "minimum":
      return jnp.min(scores, axis=0)
    if self.form == "lower":
      return jnp.mean(scores, axis=0) - self.width * jnp.std(scores, axis=0)
    return jnp.mean(scores, axis=0)


@dataclasses.dataclass(frozen=True)
class ScoreMap:
  """A map of probabilities that was fitted on held-out ones.

  Attributes:
    temperature: of their log-odds; 1 leaves them.
    knots: (score, probability) of a map that is linear between them and
      constant beyond, in the order of scores; none: the identity.
  """

  temperature: float = 1.0
  knots: tuple[tuple[float, float], ...] = ()

  def __call__(self, scores: Array) -> Array:
    if self.temperature != 1:
      tiny = jnp.finfo(scores.dtype).eps
      logits = jax.scipy.special.logit(jnp.clip(scores, tiny, 1 - tiny))
      scores = jax.nn.sigmoid(logits / self.temperature)
    if self.knots:
      at, to = (jnp.array(side) for side in zip(*self.knots, strict=True))
      scores = jnp.interp(scores, at, to)
    return scores


@dataclasses.dataclass(frozen=True)
class Sigmoid:
  """Log-odds as probabilities: what an implicit verifier's sums are.

  Cross-entropy of outcomes teaches sigmoid(beta log p/p_ref) of a whole
  solution to be P(right) (arXiv 2412.01981).
  """

  def __call__(self, scores: Array) -> Array:
    return jax.nn.sigmoid(scores)


@dataclasses.dataclass(frozen=True)
class VerdictHead:
  """P(right) of a generative verifier that judges at once.

  p(right) / (p(right) + p(wrong)) of the token that would follow.

  Attributes:
    right: first token of the verdict on a right step.
    wrong: on a wrong one.
  """

  right: int
  wrong: int

  def __call__(self, model: lm.Model, params: Params, hidden: Array) -> Array:
    """[..., d] -> [...]."""
    return self.of_logits(lm.logits(model, params, hidden))

  def of_logits(self, logits: Array) -> Array:
    """[..., v] -> [...]."""
    return jax.nn.sigmoid(logits[..., self.right] - logits[..., self.wrong])


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

  def __call__(self, params: Params, texts: reads.Texts) -> Array:
    own = self.base(params["0"], texts)
    prompt = jnp.maximum(texts.start - 1, 0)[:, None]
    both = jnp.concatenate([prompt, texts.places], axis=1)
    values = self.prover(params["1"], texts._replace(places=both))
    return own + self.alpha * (values[:, 1:] - values[:, :-1])


@dataclasses.dataclass(frozen=True)
class Differences:
  """r_k = q_k - q_{k-1}, q_0 = 0: step rewards of what sums them up.

  Those of an implicit model (arXiv:2412.01981), whose authors choose by the
  least of them.

  Attributes:
    reading: gives the sums.
  """

  reading: reads.Reading

  def __call__(self, params: Params, texts: reads.Texts) -> Array:
    sums = self.reading(params, texts)
    return jnp.diff(sums, axis=1, prepend=0.0)


@dataclasses.dataclass(frozen=True)
class Ensemble:
  """Several verifiers of one tokenizer.

  Attributes:
    members: their readings.
    pool: one score of theirs.
  """

  members: tuple[reads.Reading, ...]
  pool: Pool

  def __call__(self, params: Params, texts: reads.Texts) -> Array:
    scores = [
      member(params[str(index)], texts)
      for index, member in enumerate(self.members)
    ]
    return self.pool(jnp.stack(scores))


@dataclasses.dataclass(frozen=True)
class Calibrated:
  """Probabilities by way of a map, fitted or known.

  Attributes:
    reading: gives probabilities, or log-odds for `Sigmoid`.
    score_map: of them.
  """

  reading: reads.Reading
  score_map: ScoreMap | Sigmoid

  def __call__(self, params: Params, texts: reads.Texts) -> Array:
    return self.score_map(self.reading(params, texts))


@dataclasses.dataclass(frozen=True)
class Verdicts:
  """What a generative verifier would say right behind each place.

  Attributes:
    model: has an LM head.
    head: between the two verdicts.
  """

  model: lm.Model
  head: VerdictHead

  def __call__(self, params: Params, texts: reads.Texts) -> Array:
    return self.head.of_logits(reads.logits_at(self.model, params, texts))
