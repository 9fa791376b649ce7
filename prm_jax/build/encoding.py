"""How given solutions stand in the tokens of the model to train."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

import numpy as np

from prm_jax import errors
from prm_jax.text import hf_tokenizer, public_notation
from prm_jax.text import joining as joining_lib
from prm_jax.text import steps as steps_lib
from prm_jax.text import tokenizer as tokenizer_lib

# (prompt, steps) -> tokens
EncodeFn: TypeAlias = Callable[[str, Sequence[str]], steps_lib.EncodedSolution]


@dataclasses.dataclass(frozen=True)
class EncodingConfig:
  """Steps in the tokens of a public checkpoint; others have their own way.

  The defaults are those of TRL's stepwise trainer.

  Attributes:
    prompt: "plain" text or a "chat" of the checkpoint's template.
    prompt_text: what is said; `{problem}` stands for the problem.
    separator: behind every step, the last included; its last token is read.
    single_token: refuse a separator of several tokens.
    joining: "token" or "string", see `text.joining`.
    ending: "open", a separator follows the last step too; "eos", the token
      that ends a text, which a policy has to learn. The steps are one text
      then, joined as such, and their ends are not told.
  """

  prompt: Literal["plain", "chat"] = "plain"
  prompt_text: str = "{problem}"
  separator: str = "\n"
  single_token: bool = False
  joining: joining_lib.Joining = "token"
  ending: Literal["open", "eos"] = "open"


def encode_fn(
  tokenizer: tokenizer_lib.Tokenizer | hf_tokenizer.HfTokenizer,
  config: EncodingConfig,
) -> EncodeFn:
  """Tokens of a problem and the steps of a solution.

  Raises:
    UserError: a separator that has to be one token and is not.
  """
  if isinstance(tokenizer, tokenizer_lib.Tokenizer):
    return functools.partial(steps_lib.encode_solution, tokenizer)
  if config.single_token:
    joining_lib.single_id(tokenizer, config.separator, "encoding.separator")
  if tokenizer.eos_id is None:
    raise errors.UserError(f"{tokenizer.where}: eos_token: missing")
  notation = public_notation.PublicNotation(
    tokenizer,
    (tokenizer.eos_id,),
    public_notation.PromptFormat(config.prompt, text=config.prompt_text),
  )

  end_id = tokenizer.eos_id

  def encode_whole(
    prompt: str, steps: Sequence[str]
  ) -> steps_lib.EncodedSolution:
    start = notation.encode_prompt(prompt)
    ids = [*start, *tokenizer.encode(config.separator.join(steps)), end_id]
    end = np.array([len(ids) - 1], np.int32)
    tokens = np.array(ids, np.int32)
    return steps_lib.EncodedSolution(tokens, len(start), end)

  def encode(prompt: str, steps: Sequence[str]) -> steps_lib.EncodedSolution:
    found = joining_lib.encode_steps(
      tokenizer,
      notation.encode_prompt(prompt),
      steps,
      separator=config.separator,
      joining=config.joining,
    )
    return found.encoded

  return encode if config.ending == "open" else encode_whole
