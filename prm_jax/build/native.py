"""How a model that was trained here is read, as its objective has it."""

import pathlib

from prm_jax import errors
from prm_jax.build import models
from prm_jax.models import combined, reads
from prm_jax.text import public_notation
from prm_jax.types import Params

# Of a model's `extra`.
CALIBRATION = "calibration"
JUDGEMENT = "judgement"
AGGREGATE = "aggregate"


def aggregate(loaded: models.Loaded) -> str:
  """Rule that makes a solution's score of its steps' by default."""
  return str(loaded.extra.get(AGGREGATE, "last"))


def note(loaded: models.Loaded) -> str:
  """What its scores do not mean, or ""."""
  if loaded.extra.get("objective") != "orm":
    return ""
  return (
    "verifier: trained on whole solutions alone (orm); its scores before the "
    "last step mean nothing"
  )


def verdict_head(
  path: pathlib.Path, loaded: models.Loaded, field: str = "--model"
) -> combined.VerdictHead:
  """Between the verdicts that a generative verifier was trained on.

  Raises:
    UserError: they begin with one token.
  """
  said, tokenizer = loaded.extra[JUDGEMENT], loaded.tokenizer
  assert not isinstance(tokenizer, public_notation.PublicNotation)
  right, wrong = (
    tokenizer.encode(said[kind])[0] for kind in ("right", "wrong")
  )
  if right == wrong:
    raise errors.UserError(
      f"{field}: {path}: verdicts {said['right']!r} and {said['wrong']!r} "
      "begin with one token"
    )
  return combined.VerdictHead(right, wrong)


def reading(
  path: pathlib.Path,
  loaded: models.Loaded,
  *,
  reference: str = "",
  beta: float = 0.0,
  field: str = "--model",
) -> tuple[reads.Reading, Params]:
  """How its places get their scores, and the parameters for it.

  Args:
    path: folder of the model, for messages.
    loaded: the model.
    reference: folder of what log-ratios compare with; "": as it says.
    beta: scale of log-ratios; 0: as it says.
    field: that named the model.

  Raises:
    UserError: a policy, or a reference of other tokens.
  """
  extra = loaded.extra
  if "reference" in extra:
    other = models.load(reference or extra["reference"], "reference")
    own, their = (
      side.model.config.transformer.vocab_size for side in (loaded, other)
    )
    if own != their:
      raise errors.UserError(f"reference: has {their} tokens, {path} has {own}")
    ratios = reads.LogRatios(loaded.model, other.model, beta or extra["beta"])
    return ratios, {"model": loaded.params, "reference": other.params}
  if JUDGEMENT in extra:
    head = verdict_head(path, loaded, field)
    return combined.Verdicts(loaded.model, head), loaded.params
  if loaded.model.config.value_head == "none":
    raise errors.UserError(f"{field}: {path}: the model has no value head")
  if loaded.model.config.value_link == "embedding":
    raise errors.UserError(
      f"{field}: {path}: its embeddings compare pairs, they score no solution"
    )
  values = reads.Values(loaded.model)
  if CALIBRATION not in extra:
    return values, loaded.params
  fitted = extra[CALIBRATION]
  knots = tuple((float(at), float(to)) for at, to in fitted["knots"])
  own_map = combined.ScoreMap(float(fitted["temperature"]), knots)
  return combined.Calibrated(values, own_map), loaded.params
