"""Solutions as token sequences whose step ends are known by index.

Steps are tokenised one by one and joined, so no token can reach across a
delimiter, and where a step ends is recorded while it is written; decoded
text is never searched for delimiters.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from prm_jax import errors
from prm_jax.text import notation
from prm_jax.text import tokenizer as tokenizer_lib


@dataclasses.dataclass(frozen=True)
class EncodedSolution:
  """Prompt and steps as one token sequence.

  Attributes:
    tokens: int32 [t], prompt then steps, each closed by its delimiter.
    prompt_length: number of prompt tokens, not counted in any step.
    step_end: int32 [k], index in `tokens` of the token that closes step k
      (`;`, or `<eos>` for the last step of a finished solution): where a
      verifier is read.
    before: where each step is read in a text of its own, those of the steps
      before the last, which is then all that is read here.
  """

  tokens: np.ndarray
  prompt_length: int
  step_end: np.ndarray
  before: tuple["EncodedSolution", ...] = ()

  @property
  def texts(self) -> tuple["EncodedSolution", ...]:
    """All that have to be read for a score of every step, in their order."""
    return (*self.before, self)

  @property
  def num_tokens(self) -> int:
    """Of all of them."""
    return sum(len(text.tokens) for text in self.texts)


def encode_solution(
  tokenizer: tokenizer_lib.Tokenizer,
  prompt: str,
  steps: Sequence[str],
  finished: bool = True,
) -> EncodedSolution:
  """Tokens of a solution; `finished` closes the last step with `<eos>`.

  Raises:
    UserError: an empty step, a step that holds a delimiter, or text that the
      tokenizer cannot give back unchanged.
  """
  tokens = _encode_exactly(tokenizer, prompt)
  prompt_length = len(tokens)
  step_end = []
  for index, step in enumerate(steps):
    try:
      step_ids = _encode_exactly(tokenizer, step)
    except errors.UserError as error:
      raise errors.UserError(f"steps[{index}]: {error}") from error
    if not step_ids:
      raise errors.UserError(f"steps[{index}]: the step is empty")
    delimiters = (tokenizer.step_id, tokenizer.eos_id, tokenizer.pad_id)
    if any(delimiter in step_ids for delimiter in delimiters):
      raise errors.UserError(
        f"steps[{index}]: {step!r} holds a token that ends a step"
      )
    last = finished and index == len(steps) - 1
    tokens += [*step_ids, tokenizer.eos_id if last else tokenizer.step_id]
    step_end.append(len(tokens) - 1)
  return EncodedSolution(
    np.asarray(tokens, np.int32), prompt_length, np.asarray(step_end, np.int32)
  )


def encode_sampled(
  tokenizer: tokenizer_lib.Tokenizer,
  prompt: str,
  sampled: Sequence[int] | np.ndarray,
) -> EncodedSolution:
  """A solution of the very tokens that were sampled, not of their text.

  Sampled text may have other tokens when it is encoded anew (`1 ##3` is
  written `13`). Reading stops as in `decode_steps` and finds the same steps:
  empty ones have no step end, and a last step without delimiter is read at
  its last token.

  Args:
    sampled: the tokens after the prompt, up to `<eos>`, padding or a cut.
  """
  tokens = _encode_exactly(tokenizer, prompt)
  prompt_length = len(tokens)
  step_end = []
  in_step = False
  for token in np.asarray(sampled).tolist():
    if token == tokenizer.pad_id:
      break
    tokens.append(token)
    closes = token in (tokenizer.step_id, tokenizer.eos_id)
    if closes and in_step:
      step_end.append(len(tokens) - 1)
    in_step = not closes
    if token == tokenizer.eos_id:
      break
  if in_step:
    step_end.append(len(tokens) - 1)
  return EncodedSolution(
    np.asarray(tokens, np.int32), prompt_length, np.asarray(step_end, np.int32)
  )


def decode_steps(
  tokenizer: notation.Notation, tokens: Sequence[int] | np.ndarray
) -> tuple[list[str], bool]:
  """Steps in the tokens after the prompt, and whether the solution ended.

  Reading stops there or at padding. A last step without delimiter is kept;
  empty steps are dropped.
  """
  return tokenizer.read_steps(tokens)


def _encode_exactly(tokenizer: tokenizer_lib.Tokenizer, text: str) -> list[int]:
  ids = tokenizer.encode(text)
  if tokenizer.decode(ids) != text:
    raise errors.UserError(
      f"text {text!r}: does not survive the tokenizer, which gives back "
      f"{tokenizer.decode(ids)!r}"
    )
  return ids
