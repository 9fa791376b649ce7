"""Scores given rows with another verifier, without sampling them again."""

from collections.abc import Callable, Sequence

import jax
import numpy as np

from prm_jax.decode import certainty, score, step
from prm_jax.models import lm
from prm_jax.solvers import solver
from prm_jax.text import notation
from prm_jax.types import Array, Params


def step_scores(
  model: lm.Model,
  params: Params,
  tokenizer: notation.Notation,
  solved: solver.Solved,
  *,
  batch_size: int = 1024,
) -> np.ndarray:
  """P(correct) at the end of every step of every row.

  Args:
    model: the verifier.
    params: its parameters.
    tokenizer: of policy and verifier.
    solved: the rows.
    batch_size: rows per forward; one program is compiled.

  Returns:
    [n, N, T] float32, 0 beyond a row's steps, read where the search read: a
    step that was cut off has its score at its last token.
  """
  texts, prompt_length, length = _joined(tokenizer, solved)
  scores = _by_batch(
    lambda p, x, n: score.prefix_scores(model, p, x, n),
    params,
    (texts, length),
    batch_size,
  )
  ends = _step_ends(texts, prompt_length, length, solved.step_format)
  return _spread(scores, ends, solved.step_scores.shape)


def self_certainty(
  policy: lm.Model,
  params: Params,
  tokenizer: notation.Notation,
  solved: solver.Solved,
  *,
  batch_size: int = 1024,
) -> np.ndarray:
  """How sure the policy was of every row, for `votes.borda` (2502.18581).

  Args:
    policy: the model that wrote the rows; it costs another forward.
    params: its parameters.
    tokenizer: its own.
    solved: the rows.
    batch_size: rows per forward; one program is compiled.

  Returns:
    [n, N] float32, see `decode.certainty`.
  """
  texts, prompt_length, length = _joined(tokenizer, solved)
  found = _by_batch(
    lambda p, x, start, n: certainty.of_texts(policy, p, x, start, n),
    params,
    (texts, prompt_length, length),
    batch_size,
  )
  return found.reshape(solved.length.shape)


def _by_batch(
  function: Callable[..., Array],
  params: Params,
  inputs: Sequence[np.ndarray],
  batch_size: int,
) -> np.ndarray:
  """`function(params, *inputs)`, so many rows at a time, in one program.

  The last batch is filled up with ones.
  """
  run = jax.jit(function)
  parts = []
  for start in range(0, len(inputs[0]), batch_size):
    own = [x[start : start + batch_size] for x in inputs]
    size = len(own[0])
    filled = [
      np.pad(
        x,
        [(0, batch_size - size)] + [(0, 0)] * (x.ndim - 1),
        constant_values=1,
      )
      for x in own
    ]
    parts.append(np.asarray(run(params, *filled))[:size])
  return np.concatenate(parts)


def _joined(
  tokenizer: notation.Notation, solved: solver.Solved
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Prompt and row as one sequence: [n * N, t], prompt lengths, lengths."""
  rows, slots = solved.tokens.shape[1:]
  prompts = [
    tokenizer.encode_prompt(problem.prompt) for problem in solved.problems
  ]
  longest = max(map(len, prompts))
  texts = np.zeros((len(prompts), rows, longest + slots), np.int32)
  for i, prompt in enumerate(prompts):
    texts[i, :, : len(prompt)] = prompt
    texts[i, :, len(prompt) : len(prompt) + slots] = solved.tokens[i]
  prompt_length = np.repeat([len(prompt) for prompt in prompts], rows)
  length = prompt_length + solved.length.reshape(-1)
  return texts.reshape(-1, texts.shape[-1]), prompt_length, length


def _step_ends(
  texts: np.ndarray,
  prompt_length: np.ndarray,
  length: np.ndarray,
  step_format: step.StepFormat,
) -> np.ndarray:
  """Where `decode.step` ended a step, bool [n, t]."""
  tables = step_format.automaton
  ends = np.zeros(texts.shape, bool)
  state = np.zeros(len(texts), np.int32)
  written = np.zeros(len(texts), np.int32)  # tokens of the step so far
  for place in range(texts.shape[1]):
    token = texts[:, place]
    inside = (place >= prompt_length) & (place < length)
    written += inside
    ends[:, place] = inside & (
      tables.hit[state, token]
      | (token == step_format.eos_id)
      | (written >= step_format.max_step_tokens)
      | (place == length - 1)
    )
    written[ends[:, place]] = 0
    state = np.where(inside, tables.next_state[state, token], 0)
    state[ends[:, place]] = 0
  return ends


def _spread(
  scores: np.ndarray, ends: np.ndarray, shape: tuple[int, ...]
) -> np.ndarray:
  """Scores at the ends, in order, one step budget wide."""
  out = np.zeros((len(scores), shape[-1]), np.float32)
  row, column = np.nonzero(ends)
  index = np.cumsum(ends, axis=1)[row, column] - 1
  keep = index < shape[-1]
  out[row[keep], index[keep]] = scores[row[keep], column[keep]]
  return out.reshape(shape)
