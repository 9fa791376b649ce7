"""Rows of a policy's tokens as texts in a verifier's tokens, on the host."""

from collections.abc import Callable, Sequence

import numpy as np

from prm_jax import errors
from prm_jax.tasks import base as tasks
from prm_jax.text import notation, steps

# `(problem, steps) -> EncodedSolution`, as a public format has it.
EncodeFn = Callable[[str, Sequence[str]], steps.EncodedSolution]

# Two solutions that share nothing: what their tokens share is the problem's.
_PROBES = (("x",), ("1 + 1",))
_MULTIPLE = 32


class TextReading:
  """Both functions of a `decode.text_scoring.TextScorer`.

  Args:
    policy: how the policy's problems and solutions stand in its tokens.
    encode_fn: how the verifier's do.
    problems: those that may be asked about.
    row_slots: V, for the tokens of a solution.
    context: of the verifier; None: nobody says.

  Raises:
    UserError: a problem alone goes beyond the context.
  """

  def __init__(
    self,
    policy: notation.Notation,
    encode_fn: EncodeFn,
    problems: Sequence[tasks.Problem],
    *,
    row_slots: int,
    context: int | None = None,
  ):
    self._policy, self._encode_fn = policy, encode_fn
    self._problems = {
      tuple(policy.encode_prompt(problem.prompt)): problem
      for problem in problems
    }
    self._prompts = {p.id: self._prompt(p) for p in problems}
    longest = max((len(p) for p in self._prompts.values()), default=1)
    self.prompt_slots = -(-longest // _MULTIPLE) * _MULTIPLE
    self.row_slots = row_slots
    self._context = context
    for problem in problems:
      length = len(self._prompts[problem.id])
      if context is not None and length >= context:
        raise errors.UserError(
          f"verifier: problem {problem.id} has {length} tokens there, its "
          f"context is {context}"
        )
    self.num_read = 0
    self.num_unread = 0
    self.first_reason = ""

  def _prompt(self, problem: tasks.Problem) -> np.ndarray:
    """What stands before every solution of the problem."""
    one, two = (
      self._encode_fn(problem.prompt, probe).tokens for probe in _PROBES
    )
    size = min(len(one), len(two))
    differs = np.flatnonzero(one[:size] != two[:size])
    prompt = one[: differs[0] if len(differs) else size]
    if not len(prompt):
      raise errors.UserError(
        f"verifier: problem {problem.id}: its tokens begin otherwise for "
        "every solution"
      )
    return prompt

  def prompts(
    self, prompts: np.ndarray, prompt_length: np.ndarray
  ) -> tuple[np.ndarray, np.ndarray]:
    """[B, P], [B] -> [B, Q], [B]: see `text_scoring.PromptFn`."""
    tokens = np.zeros((len(prompts), self.prompt_slots), np.int32)
    length = np.zeros(len(prompts), np.int32)
    for i, problem in enumerate(self._known(prompts, prompt_length)):
      own = self._prompts[problem.id]
      tokens[i, : len(own)] = own
      length[i] = len(own)
    return tokens, length

  def rows(
    self,
    prompts: np.ndarray,
    prompt_length: np.ndarray,
    tokens: np.ndarray,
    length: np.ndarray,
  ) -> tuple[np.ndarray, np.ndarray]:
    """[B, P], [B], [B, N, S], [B, N] -> [B, N, V], [B, N]; see `RowFn`."""
    written = np.zeros((*length.shape, self.row_slots), np.int32)
    ends = np.zeros(length.shape, np.int32)
    for i, problem in enumerate(self._known(prompts, prompt_length)):
      seen: dict[bytes, np.ndarray | None] = {}
      for n in range(length.shape[1]):
        own = tokens[i, n, : length[i, n]]
        key = own.tobytes()
        if key not in seen:
          seen[key] = self._row(problem, own)
        found = seen[key]
        if found is not None:
          written[i, n, : len(found)] = found
          ends[i, n] = len(found)
    return written, ends

  def _known(
    self, prompts: np.ndarray, prompt_length: np.ndarray
  ) -> list[tasks.Problem]:
    return [
      self._problems[tuple(own[:count].tolist())]
      for own, count in zip(prompts, prompt_length, strict=True)
    ]

  def _row(
    self, problem: tasks.Problem, tokens: np.ndarray
  ) -> np.ndarray | None:
    """Up to where the last step is read; None where it cannot be."""
    texts, _ = self._policy.read_steps(tokens)
    if not texts:
      return None
    self.num_read += 1
    try:
      return self._written(problem, texts)
    except errors.UserError as error:
      self.num_unread += 1
      reason = f"problem {problem.id}: {error}"
      self.first_reason = self.first_reason or reason
      return None

  def _written(
    self, problem: tasks.Problem, texts: Sequence[str]
  ) -> np.ndarray:
    """Tokens behind the problem's; UserError where they cannot be read."""
    found = self._encode_fn(problem.prompt, texts)
    prompt = self._prompts[problem.id]
    whole = found.tokens[: found.step_end[-1] + 1]
    rest = whole[len(prompt) :]
    if not np.array_equal(whole[: len(prompt)], prompt) or not len(rest):
      raise errors.UserError("its tokens begin otherwise")
    if self._context is not None and len(whole) > self._context:
      raise errors.UserError(
        f"{len(whole)} tokens, the context is {self._context}"
      )
    if len(rest) > self.row_slots:
      raise errors.UserError(
        f"{len(rest)} tokens, verifier_tokens is {self.row_slots}"
      )
    return rest

  @property
  def told(self) -> str:
    """One line about solutions that were not read and scored 0, or ""."""
    if not self.num_unread:
      return ""
    return (
      f"verifier: {self.num_unread:,} of {self.num_read:,} readings failed and "
      f"scored 0; first: {self.first_reason}"
    )
