"""Problems as the arrays that programs take."""

import dataclasses
import hashlib
import json
import zlib
from collections.abc import Sequence

import numpy as np

from prm_jax import errors
from prm_jax.tasks import base as tasks
from prm_jax.text import notation, public_notation
from prm_jax.text import steps as steps_lib
from prm_jax.text import tokenizer as tokenizer_lib


@dataclasses.dataclass(frozen=True)
class Begun(tasks.Problem):
  """A problem whose solution has begun.

  Attributes:
    tokens: of the problem and the steps so far, which a model goes on from.
  """

  tokens: tuple[int, ...] = ()


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
    ids = (
      problem.tokens
      if isinstance(problem, Begun)
      else tokenizer.encode_prompt(problem.prompt)
    )
    if not 0 < len(ids) <= slots:
      raise errors.UserError(
        f"problem {problem.id}: prompt of {len(ids)} tokens, "
        f"solver.prompt_tokens is {slots}"
      )
    prompts[row, : len(ids)] = ids
    length[row] = len(ids)
  return prompts, length


def of_turn(problem: tasks.Problem, turn: int) -> tasks.Problem:
  """The problem under another id, which what is sampled depends on.

  Turn 0 is the problem itself: its samples are those of other commands.
  """
  if not turn:
    return problem
  return dataclasses.replace(problem, id=f"{problem.id}~{turn}")


def begin(
  tokenizer: notation.Notation, problem: tasks.Problem, steps: Sequence[str]
) -> Begun:
  """The problem with the first steps of a solution.

  What is sampled from it depends on its id, and so on problem and steps alone.

  Raises:
    UserError: a step that is empty or cannot be followed by others.
  """
  for index, step in enumerate(steps):
    if not step.strip():
      raise errors.UserError(f"steps[{index}]: the step is empty")
  if isinstance(tokenizer, public_notation.PublicNotation):
    ids = tokenizer.encode_prompt(problem.prompt)
    ids = [*ids, *tokenizer.encode_steps(steps)]
  else:
    assert isinstance(tokenizer, tokenizer_lib.Tokenizer)
    found = steps_lib.encode_solution(
      tokenizer, problem.prompt, steps, finished=False
    )
    ids = found.tokens.tolist()
  said = hashlib.sha256(json.dumps(list(steps)).encode()).hexdigest()[:16]
  return Begun(
    id=f"{problem.id}#{said}",
    task=problem.task,
    prompt=problem.prompt,
    answer=problem.answer,
    meta=problem.meta,
    tokens=tuple(ids),
  )


def with_steps(text: str, steps: Sequence[str]) -> str:
  """The text and the steps after it, each with its delimiter."""
  closed = [f"{step} {tokenizer_lib.STEP}" for step in steps]
  return " ".join(filter(None, [text, *closed]))
