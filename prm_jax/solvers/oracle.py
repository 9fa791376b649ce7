"""The truth as a verifier: the upper bound of what a verifier can do."""

from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np

from prm_jax.tasks import base as tasks
from prm_jax.text import notation
from prm_jax.text import steps as steps_lib

Kind: TypeAlias = Literal["value", "solvable"]


class OracleValues:
  """Exact values on the host, for `decode.scoring.OracleScorer`.

  A row that has ended is worth its verdict, and one that has used up the
  task's steps without an end is worth nothing, as `judging` will find.

  Args:
    task: has `value` and `oracle`.
    tokenizer: of the policy.
    problems: those that may be asked about.
    kind: "value": V of the task's reference policy; "solvable": 1 while a
      correct answer can be reached.
  """

  def __init__(
    self,
    task: tasks.Task,
    tokenizer: notation.Notation,
    problems: Sequence[tasks.Problem],
    kind: Kind = "value",
  ):
    self._task, self._tokenizer, self._kind = task, tokenizer, kind
    self._problems = {
      tuple(tokenizer.encode_prompt(problem.prompt)): problem
      for problem in problems
    }

  def __call__(
    self,
    prompts: np.ndarray,
    prompt_length: np.ndarray,
    tokens: np.ndarray,
    length: np.ndarray,
  ) -> np.ndarray:
    """[B, P], [B], [B, N, S], [B, N] -> float32 [B, N]."""
    values = np.zeros(length.shape, np.float32)
    for i in range(len(prompts)):
      problem = self._problems[tuple(prompts[i, : prompt_length[i]].tolist())]
      seen: dict[bytes, float] = {}
      for n in range(length.shape[1]):
        written = tokens[i, n, : length[i, n]]
        key = written.tobytes()
        if key not in seen:
          seen[key] = self._value(problem, written)
        values[i, n] = seen[key]
    return values

  def _value(self, problem: tasks.Problem, tokens: np.ndarray) -> float:
    texts, finished = steps_lib.decode_steps(self._tokenizer, tokens)
    # What is written is over: nothing can be added that would save it.
    if finished:
      return float(self._task.verify(problem, texts).correct)
    if len(texts) >= self._task.max_steps:
      return 0.0
    if self._kind == "value":
      return self._task.value(problem, texts)
    truth = self._task.oracle(problem, texts)
    return float(not texts or truth.solvable[-1])
