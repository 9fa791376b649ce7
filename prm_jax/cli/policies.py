"""Models that write solutions, and how problems stand in their tokens."""

from collections.abc import Sequence

import ml_collections

from prm_jax import errors
from prm_jax.build import models
from prm_jax.tasks import base as tasks
from prm_jax.text import hf_tokenizer, public_notation
from prm_jax.text import tokenizer as tokenizer_lib

PROMPT_MULTIPLE = 32  # slots of prompts: few programs for many files


def load(directory: str, flag: str = "--policy") -> models.Loaded:
  """The model that a user names to write solutions.

  Args:
    directory: of ours or a public one.
    flag: that named it.

  Raises:
    UserError: no model there, or a verifier.
  """
  loaded = models.load(directory, flag)
  if not loaded.model.config.use_lm_head:
    raise errors.UserError(f"{flag}: {directory}: the model has no LM head")
  return loaded


def load_target(directory: str, policy: models.Loaded) -> models.Loaded | None:
  """A second model that writes; none where the user names none.

  Raises:
    UserError: as of `load_policy`, or it has another vocabulary.
  """
  if not directory:
    return None
  loaded = load(directory, "--target")
  check_vocabulary("target", loaded, policy)
  sizes = {m.model.config.transformer.vocab_size for m in (loaded, policy)}
  if len(sizes) > 1:
    raise errors.UserError("target: its logits are not of the policy's number")
  return loaded


def check_vocabulary(
  name: str, loaded: models.Loaded, policy: models.Loaded
) -> None:
  mine, theirs = (
    side.tokenizer.backend.get_vocab() for side in (loaded, policy)
  )
  if mine != theirs:
    raise errors.UserError(f"{name}: its vocabulary is not that of the policy")


def notation(
  policy: models.Loaded,
) -> tokenizer_lib.Tokenizer | public_notation.PublicNotation:
  """How its problems and solutions stand in tokens, see `searches.notation`."""
  if isinstance(policy.tokenizer, hf_tokenizer.HfTokenizer):
    raise ValueError("a public checkpoint needs a notation to write in")
  return policy.tokenizer


def sizes(
  config: ml_collections.ConfigDict,
  policy: models.Loaded,
  problems: Sequence[tasks.Problem],
) -> ml_collections.ConfigDict:
  """The config's `solver` with room for all prompts, where it leaves it open.

  Raises:
    UserError: prompt and solution may be longer than the policy's context.
  """
  found = config.copy_and_resolve_references()
  if not found.prompt_tokens:
    encode = notation(policy).encode_prompt
    longest = max((len(encode(p.prompt)) for p in problems), default=1)
    found.prompt_tokens = -(-longest // PROMPT_MULTIPLE) * PROMPT_MULTIPLE
  wanted = found.prompt_tokens + found.max_tokens
  if policy.context is not None and wanted > policy.context:
    raise errors.UserError(
      f"solver.max_tokens: {found.max_tokens} after prompts of up to "
      f"{found.prompt_tokens} tokens go beyond the policy's context of "
      f"{policy.context}"
    )
  return found
