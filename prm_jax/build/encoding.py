"""How given solutions stand in the tokens of the model to train."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

from prm_jax import errors
from prm_jax.text import hf_tokenizer, joining, public_notation
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
  """

  prompt: Literal["plain", "chat"] = "plain"
  prompt_text: str = "{problem}"
  separator: str = "\n"
  single_token: bool = False
  joining: joining.Joining = "token"


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
    joining.single_id(tokenizer, config.separator, "encoding.separator")
  if tokenizer.eos_id is None:
    raise errors.UserError(f"{tokenizer.where}: eos_token: missing")
  notation = public_notation.PublicNotation(
    tokenizer,
    (tokenizer.eos_id,),
    public_notation.PromptFormat(config.prompt, text=config.prompt_text),
  )

  def encode(prompt: str, steps: Sequence[str]) -> steps_lib.EncodedSolution:
    found = joining.encode_steps(
      tokenizer,
      notation.encode_prompt(prompt),
      steps,
      separator=config.separator,
      joining=config.joining,
    )
    return found.encoded

  return encode
