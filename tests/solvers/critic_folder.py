"""A tiny language model with a chat template, as a generative verifier."""

import dataclasses
import functools

from prm_jax.build import public
from prm_jax.models import lm
from prm_jax.text import critiques, hf_tokenizer
from tests.checkpoint import folders
from tests.text import tiny_hf

# Short words, so that chats are; "e" is what the model often writes.
STYLE = dataclasses.replace(
  critiques.GENPRM,
  system="S",
  direct_system="D",
  first="{question} ",
  analysis="<{index}>",
  analysis_end="e",
  code="```python\n",
  code_end="$",
  output="[{output}]",
  verdict="|{",
  verdict_end="|{",
  closing="}",
)


def write(directory):
  """The folder's files; Yes and No are tokens."""
  added = (*tiny_hf.CHATML_TOKENS, "Yes", "No")
  tiny_hf.write(
    directory,
    tiny_hf.byte_level(added),
    eos_token="<|im_end|>",
    pad_token="<|endoftext|>",
    chat_template=tiny_hf.CHATML,
  )
  folders.qwen2(directory, sharpness=0.5)


@functools.cache
def load(directory):
  """Model, parameters, tokenizer and end tokens."""
  found = public.load(directory)
  return (
    lm.Model(found.config),
    found.params,
    found.tokenizer,
    tuple(found.extra["eos_ids"]),
  )


def tokenizer(directory) -> hf_tokenizer.HfTokenizer:
  return load(directory)[2]
