"""The exact value of any policy, up to sampling error: V by rollouts.

V(prefix) = P(the policy ends correct | prefix). n fresh rollouts give an
unbiased Binomial(n, V) / n estimate; counts are kept, ratios are for the
reader.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from prm_jax.solvers import prompts as prompts_lib
from prm_jax.tasks import base as tasks
from prm_jax.text import steps as steps_lib
from prm_jax.text import tokenizer as tokenizer_lib


@runtime_checkable
class Sampler(Protocol):
  """What is needed of a `solver.Solver`."""

  def solve(self, problems: Sequence[tasks.Problem]) -> Any:
    """Rows with `tokens` [n, N, S] and `length` [n, N]."""
    ...


class Counts(NamedTuple):
  """Rollouts from every prefix."""

  num_correct: np.ndarray  # int64 [n]
  num_total: np.ndarray  # int64 [n]


def from_prefixes(
  searching: Sampler,
  task: tasks.Task,
  tokenizer: tokenizer_lib.Tokenizer,
  problems: Sequence[tasks.Problem],
  steps: Sequence[Sequence[str]],
) -> Counts:
  """Counts correct completions of each prefix.

  Args:
    searching: plain sampling (`best_of_n` without a verifier) by the policy;
      its prompt slots have to hold prompt and prefix.
    task: verifies.
    tokenizer: of the policy.
    problems: [n].
    steps: [n] the steps written so far, which may be none but do not end the
      solution.
  """
  prompts = [
    _as_prompt(problem, written, index)
    for index, (problem, written) in enumerate(
      zip(problems, steps, strict=True)
    )
  ]
  solved = searching.solve(prompts)
  num_rows = solved.length.shape[1]
  num_correct = np.zeros(len(prompts), np.int64)
  for i, (problem, written) in enumerate(zip(problems, steps, strict=True)):
    for n in range(num_rows):
      tokens = solved.tokens[i, n, : solved.length[i, n]]
      rest, finished = steps_lib.decode_steps(tokenizer, tokens)
      if finished:
        verdict = task.verify(problem, [*written, *rest])
        num_correct[i] += verdict.correct
  return Counts(num_correct, np.full(len(prompts), num_rows, np.int64))


def _as_prompt(
  problem: tasks.Problem, written: Sequence[str], index: int
) -> tasks.Problem:
  """Problem and prefix as one prompt; the index keeps keys apart."""
  return tasks.Problem(
    id=f"{problem.id}#{index}",
    task=problem.task,
    prompt=prompts_lib.with_steps(problem.prompt, written),
    answer=problem.answer,
  )
