"""Examples that hold several sequences, which a loss sets side by side.

The sequences stand end to end. `side` tells which one a token is of (1, 2, ...)
and `place` where in it, so that a model can read each as if it were alone.
"""

from collections.abc import Sequence

import numpy as np

from prm_jax import errors
from prm_jax.data import transforms
from prm_jax.text import steps as steps_lib


def to_ends(
  solution: steps_lib.EncodedSolution, first: int, worth: float
) -> transforms.Example:
  """A sequence that is read where its steps end, from step `first` on.

  Args:
    solution: t tokens.
    first: index of the first step that counts.
    worth: of the sequence, the target at all places that are read.

  Returns:
    int32 `tokens` [t], float32 `targets` and `weights` [t].
  """
  weights = np.zeros(len(solution.tokens), np.float32)
  weights[solution.step_end[first:]] = 1
  return _sequence(solution, weights, worth)


def to_tokens(
  solution: steps_lib.EncodedSolution,
  first: int,
  worth: float,
  token_weights: Sequence[float] | None = None,
) -> transforms.Example:
  """A sequence whose tokens are read, from step `first` on.

  Args:
    solution: t tokens.
    first: index of the first step that counts.
    worth: of the sequence.
    token_weights: one per token that counts; 1 if None.

  Raises:
    UserError: not one weight per token, or one that is not positive.
  """
  start = solution.prompt_length if not first else (
    int(solution.step_end[first - 1]) + 1
  )  # fmt: skip
  weights = np.zeros(len(solution.tokens), np.float32)
  own = weights[start:]
  if token_weights is None:
    own[:] = 1
  else:
    if len(token_weights) != len(own):
      raise errors.UserError(
        f"token_weights: {len(token_weights)} for {len(own)} tokens"
      )
    if not all(weight > 0 for weight in token_weights):
      raise errors.UserError("token_weights: must be above 0")
    own[:] = token_weights
  return _sequence(solution, weights, worth)


def joined(parts: Sequence[transforms.Example]) -> transforms.Example:
  """One example of several; gives them the columns `side` and `place`."""
  lengths = [len(part["tokens"]) for part in parts]
  columns = {
    name: np.concatenate([part[name] for part in parts]) for name in parts[0]
  }
  side = np.repeat(np.arange(1, len(parts) + 1), lengths)
  place = np.concatenate([np.arange(length) for length in lengths])
  return {
    **columns,
    "side": side.astype(np.int32),
    "place": place.astype(np.int32),
  }


def _sequence(
  solution: steps_lib.EncodedSolution, weights: np.ndarray, worth: float
) -> transforms.Example:
  targets = np.where(weights > 0, np.float32(worth), np.float32(0))
  return {
    "tokens": solution.tokens.astype(np.int32),
    "targets": targets,
    "weights": weights,
  }
