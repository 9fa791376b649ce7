"""How a verifier that reads whole texts scores rows while they grow."""

import dataclasses

from prm_jax import errors
from prm_jax.decode import joint, ratios, scoring, signals
from prm_jax.models import cache, combined, lm, reads


def scorer(reading: reads.Reading) -> scoring.Scorer:
  """The same scores, step by step; its parameters are those of the reading.

  Raises:
    UserError: what is read has no such form.
  """
  one = head(reading)
  if one is not None:
    return scoring.ModelScorer(one[0], head_fn=one[1])
  if isinstance(reading, reads.LogRatios):
    return ratios.RatioScorer(reading.model, reading.reference, reading.beta)
  if isinstance(reading, combined.Calibrated):
    return joint.Mapped(scorer(reading.reading), reading.score_map)
  if isinstance(reading, combined.Ensemble):
    members = tuple(map(scorer, reading.members))
    return joint.Ensemble(members, reading.pool)
  if isinstance(reading, combined.Differences):
    return joint.Differences(scorer(reading.reading))
  if isinstance(reading, combined.Advantages):
    prover = scorer(reading.prover)
    assert isinstance(prover, scoring.ModelScorer)  # as it was made
    return joint.Advantages(scorer(reading.base), prover, reading.alpha)
  raise errors.UserError(
    f"verifier: {type(reading).__name__} scores whole solutions and guides no "
    "search"
  )


def head(reading: reads.Reading) -> tuple[lm.Model, scoring.HeadFn] | None:
  """The model and what is read of its hidden states, where that is all."""
  if isinstance(reading, reads.Values):
    return reading.model, scoring.value_head
  if isinstance(reading, combined.Verdicts):
    return reading.model, reading.head
  return None


def laid_out(own: scoring.Scorer, layout: cache.Layout) -> scoring.Scorer:
  """The scorer with its caches in this layout, where it has any of its own."""
  if isinstance(
    own,
    scoring.ModelScorer
    | signals.LawScorer
    | signals.AnswerEntropy
    | ratios.RatioScorer,
  ):
    return dataclasses.replace(own, layout=layout)
  if isinstance(own, joint.Mapped | joint.Differences):
    return dataclasses.replace(own, scorer=laid_out(own.scorer, layout))
  if isinstance(own, joint.Ensemble):
    members = tuple(laid_out(member, layout) for member in own.members)
    return dataclasses.replace(own, members=members)
  if isinstance(own, joint.Advantages):
    prover = dataclasses.replace(own.prover, layout=layout)
    base = laid_out(own.base, layout)
    return dataclasses.replace(own, base=base, prover=prover)
  return own
