"""Solutions to training examples: tokens, targets and weights per position.

The target at index t is for the model's output at index t. A value is read at
the token itself, step closers (`;`, `<eos>`) included, so values do not
shift; next-token targets are shifted here, once.

`reduction` sets the weights of one solution. `token`: 1 at every supervised
position, so long solutions count for more. `sequence`: they add up to 1 for
each solution. `sum` is the sum over tokens and mean over solutions of OVM
(arXiv 2311.09724): weights as for `token`; the objective divides by the
number of sequences.
"""

from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np

from prm_jax import errors
from prm_jax.text import steps as steps_lib

Reduction: TypeAlias = Literal["token", "sequence", "sum"]
Example: TypeAlias = dict[str, np.ndarray]
Labels: TypeAlias = Sequence[float] | Sequence[int] | np.ndarray


def to_sft(
  solution: steps_lib.EncodedSolution, *, reduction: Reduction = "token"
) -> Example:
  """Next-token prediction of the solution, not of the prompt.

  Args:
    solution: t tokens.
    reduction: see the module.

  Returns:
    int32 `tokens` [t-1] (without the last), int32 `targets` [t-1] (without
    the first), float32 `weights` [t-1], 1 where the target is a solution
    token.
  """
  tokens = solution.tokens
  supervised = np.arange(1, len(tokens)) >= solution.prompt_length
  return _example(
    tokens[:-1], tokens[1:].astype(np.int32), supervised, reduction
  )


def to_orm(
  solution: steps_lib.EncodedSolution, correct: bool | float
) -> Example:
  """The outcome at the last token only (ORM, arXiv 2110.14168).

  Inner prefixes are not trained, so such a verifier must not be read there.

  Args:
    solution: t tokens.
    correct: outcome in [0, 1].

  Returns:
    int32 `tokens` [t], float32 `targets` [t], float32 `weights` [t].
  """
  supervised = np.zeros(len(solution.tokens), bool)
  supervised[-1] = len(solution.tokens) > solution.prompt_length
  return _outcome(solution, correct, supervised, "token")


def to_ovm(
  solution: steps_lib.EncodedSolution,
  correct: bool | float,
  *,
  reduction: Reduction = "token",
) -> Example:
  """The outcome at every solution token (OVM, arXiv 2311.09724)."""
  return _outcome(solution, correct, _is_solution(solution), reduction)


def to_token_values(
  solution: steps_lib.EncodedSolution,
  n_correct: Labels,
  n_total: Labels,
  *,
  reduction: Reduction = "token",
  token_weights: Labels | None = None,
) -> Example:
  """n_correct / n_total at every solution token (TVM, arXiv 2407.12863).

  Args:
    solution: t tokens, s of them after the prompt.
    n_correct: [s] correct samples through each solution token.
    n_total: [s] samples through each solution token; 0 is not supervised.
    reduction: see the module.
    token_weights: [s] relative weights, such as those of
      `labelling.prefix_tree`; 1 if None.

  Raises:
    UserError: not one label per solution token.
  """
  length = len(solution.tokens) - solution.prompt_length
  correct = _labels(n_correct, length, "n_correct", "solution tokens")
  total = _labels(n_total, length, "n_total", "solution tokens")
  targets = np.zeros(len(solution.tokens), np.float32)
  targets[solution.prompt_length :] = correct / np.maximum(total, 1)
  weights = np.zeros(len(solution.tokens), np.float32)
  weights[solution.prompt_length :] = total > 0
  if token_weights is not None:
    weights[solution.prompt_length :] *= _labels(
      token_weights, length, "token_weights", "solution tokens"
    )
  return _example(solution.tokens, targets, weights, reduction)


def to_step_labels(
  solution: steps_lib.EncodedSolution,
  labels: Labels,
  *,
  first_error: int | None = None,
  supervised: Labels | None = None,
  reduction: Reduction = "token",
) -> Example:
  """Labels at the tokens that close the steps, nothing elsewhere.

  Whole-number labels are classes (hard), fractions are soft; the dtype of
  `labels` decides.

  Args:
    solution: t tokens, k steps.
    labels: [k] class or probability of each step.
    first_error: index of the first wrong step (-1 or None for none); later
      steps get no loss, as in PRM800K (arXiv 2305.20050), where labelling
      stops there. None or -1 supervises all steps.
    supervised: [k] whether each step has a label; all have if None.
    reduction: see the module.

  Returns:
    int32 `tokens` [t], `targets` [t] int32 for classes and float32 for soft
    labels, float32 `weights` [t].

  Raises:
    UserError: no step, or not one label per step.
  """
  ends = solution.step_end
  if not len(ends):
    raise errors.UserError("steps: the solution has none to label")
  values = _labels(labels, len(ends), "labels", "steps")
  hard = np.issubdtype(values.dtype, np.integer) or values.dtype == np.bool_
  targets = np.zeros(len(solution.tokens), np.int32 if hard else np.float32)
  targets[ends] = values
  weights = np.zeros(len(solution.tokens), np.float32)
  last = -1 if first_error is None else first_error
  weights[ends if last < 0 else ends[: last + 1]] = 1
  if supervised is not None:
    weights[ends] *= _labels(supervised, len(ends), "supervised", "steps")
  return _example(solution.tokens, targets, weights, reduction)


def _outcome(
  solution: steps_lib.EncodedSolution,
  correct: bool | float,
  supervised: np.ndarray,
  reduction: Reduction,
) -> Example:
  targets = np.where(supervised, np.float32(correct), np.float32(0))
  return _example(solution.tokens, targets, supervised, reduction)


def _is_solution(solution: steps_lib.EncodedSolution) -> np.ndarray:
  return np.arange(len(solution.tokens)) >= solution.prompt_length


def _labels(values: Labels, length: int, name: str, units: str) -> np.ndarray:
  array = np.asarray(values)
  if array.shape != (length,):
    raise errors.UserError(f"{name}: {array.size} labels for {length} {units}")
  return array


def _example(
  tokens: np.ndarray,
  targets: np.ndarray,
  weights: np.ndarray,
  reduction: Reduction,
) -> Example:
  weights = weights.astype(np.float32)
  if reduction == "sequence":
    weights /= max(float(weights.sum()), 1e-9)
  return {
    "tokens": tokens.astype(np.int32),
    "targets": targets,
    "weights": weights,
  }
