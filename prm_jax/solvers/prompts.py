"""Problems as the arrays that programs take."""

import zlib
from collections.abc import Sequence

import numpy as np

from prm_jax import errors
from prm_jax.tasks import base as tasks
from prm_jax.text import notation
from prm_jax.text import tokenizer as tokenizer_lib


def number(problem_id: str) -> int:
  """A 32-bit number from the id, the same on every machine."""
  return zlib.crc32(problem_id.encode())


def encode(
  tokenizer: notation.Notation,
  problems: Sequence[tasks.Problem],
  slots: int,
) -> tuple[np.ndarray, np.ndarray]:
  """Right-padded prompts [n, slots] int32 and their lengths [n] int32."""
  prompts = np.zeros((len(problems), slots), np.int32)
  length = np.zeros(len(problems), np.int32)
  for row, problem in enumerate(problems):
    ids = tokenizer.encode_prompt(problem.prompt)
    if not 0 < len(ids) <= slots:
      raise errors.UserError(
        f"problem {problem.id}: prompt of {len(ids)} tokens, "
        f"solver.prompt_tokens is {slots}"
      )
    prompts[row, : len(ids)] = ids
    length[row] = len(ids)
  return prompts, length


def with_steps(text: str, steps: Sequence[str]) -> str:
  """The text and the steps after it, each with its delimiter."""
  closed = [f"{step} {tokenizer_lib.STEP}" for step in steps]
  return " ".join(filter(None, [text, *closed]))
