"""Verifiers that read texts of their own: public ones, other tokenizers'."""

import pathlib
from collections.abc import Sequence

import ml_collections

from prm_jax import errors
from prm_jax.build import models, public, ranges, readers, scorers
from prm_jax.checkpoint import hub
from prm_jax.cli import policies, verifying
from prm_jax.decode import joint, text_scoring
from prm_jax.models import combined
from prm_jax.solvers import text_reading
from prm_jax.tasks import base as tasks
from prm_jax.text import tokenizer as tokenizer_lib

# Slots for what formats write beside the policy's tokens.
_MORE_TOKENS, _PER_STEP = 1.25, 8


def is_needed(name: str, policy: models.Loaded) -> bool:
  """Whether policy or verifier is a public model.

  Two models of a generated task share their tokens and need no texts.
  """
  if not name or name in verifying.OWN_VERIFIERS:
    return False
  if not isinstance(policy.tokenizer, tokenizer_lib.Tokenizer):
    return True
  return public.is_public(_folder(name))


def load(
  config: ml_collections.ConfigDict,
  task: tasks.Task,
  policy: models.Loaded,
  problems: Sequence[tasks.Problem],
) -> verifying.Verifier:
  """The verifier that `config.verifier` names, reading the policy's texts.

  Args:
    config: `verifier`, its `format` and `joining`, `verifier_tokens`.
    task: bounds the steps.
    policy: whose rows are read.
    problems: all that will be searched.

  Raises:
    UserError: not a verifier, or a problem beyond its context.
  """
  if config.verifier_tokens < 0:
    raise errors.UserError("verifier_tokens: must be at least 0 (0: enough)")
  folder = _folder(config.verifier)
  try:
    reader = readers.load(
      folder, format_name=config.format, joining=config.joining
    )
  except errors.UserError as error:
    told = str(error).removeprefix("--model: ")
    raise errors.UserError(f"--verifier: {told}") from error
  whole, score_map = reader.reading, None
  if isinstance(whole, combined.Calibrated):
    score_map = whole.score_map
    found = scorers.head(whole.reading)
  else:
    found = scorers.head(whole)
  if found is None:
    raise errors.UserError(
      f"--verifier: {config.verifier}: format {reader.format_name!r} is not "
      "read by one value head and cannot guide a search; `score` reads it"
    )
  model, head_fn = found
  own = config.solver.max_tokens
  room = int(_MORE_TOKENS * own) + _PER_STEP * task.max_steps
  texts = text_reading.TextReading(
    policies.notation(policy),
    reader.encode_last,
    problems,
    row_slots=config.verifier_tokens or min(room, reader.max_tokens or room),
    context=reader.max_tokens or None,
  )
  scorer = text_scoring.TextScorer(
    model,
    texts.prompts,
    texts.rows,
    texts.prompt_slots,
    texts.row_slots,
    head_fn,
  )
  return verifying.Verifier(
    pathlib.Path(config.verifier).name,
    joint.Mapped(scorer, score_map) if score_map else scorer,
    reader.params,
    model.config,
    texts,
    is_probability=ranges.is_probability(whole),
  )


def _folder(name: str) -> pathlib.Path:
  try:
    return hub.resolve(name)
  except errors.UserError as error:
    raise errors.UserError(f"--verifier: {error}") from error
