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
from prm_jax.text import notation
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


class Completions(NamedTuple):
  """Rollouts from every prefix, and what they took; int64 [n] each."""

  num_correct: np.ndarray
  num_total: np.ndarray  # those with a verdict
  num_unknown: np.ndarray  # those of which the verifier knows nothing
  num_unfinished: np.ndarray  # cut off, which count as wrong
  num_tokens: np.ndarray  # written


def complete(
  searching: Sampler,
  task: tasks.Task,
  tokenizer: notation.Notation,
  problems: Sequence[tasks.Problem],
  steps: Sequence[Sequence[str]],
) -> Completions:
  """Completes every prefix and counts the correct ones.

  The rollouts of a prefix depend on the sampler's seed, the problem and the
  steps alone, not on the others or their order: equal prefixes get the same.

  Args:
    searching: plain sampling by the policy, whose prompt slots hold prompt
      and prefix.
    task: verifies.
    tokenizer: of the policy.
    problems: [n].
    steps: [n] the steps written so far, which may be none.
  """
  pairs = list(zip(problems, steps, strict=True))
  begun = [prompts_lib.begin(tokenizer, *pair) for pair in pairs]
  return _judge(task, tokenizer, pairs, searching.solve(begun))


def from_prefixes(
  searching: Sampler,
  task: tasks.Task,
  tokenizer: tokenizer_lib.Tokenizer,
  problems: Sequence[tasks.Problem],
  steps: Sequence[Sequence[str]],
) -> Counts:
  """Counts correct completions of each prefix, equal ones drawn anew.

  Args:
    searching: plain sampling (`best_of_n` without a verifier) by the policy;
      its prompt slots have to hold prompt and prefix.
    task: verifies.
    tokenizer: of the policy.
    problems: [n].
    steps: [n] the steps written so far, which may be none but do not end the
      solution.
  """
  pairs = list(zip(problems, steps, strict=True))
  asked = [_as_prompt(*pair, index) for index, pair in enumerate(pairs)]
  solved = searching.solve(asked)
  found = _judge(task, tokenizer, pairs, solved)
  num_rows = solved.length.shape[1]
  return Counts(found.num_correct, np.full(len(pairs), num_rows, np.int64))


def _judge(
  task: tasks.Task,
  tokenizer: notation.Notation,
  pairs: Sequence[tuple[tasks.Problem, Sequence[str]]],
  solved: Any,
) -> Completions:
  """Counts of the rows; equal rows of a prefix are judged once."""
  rows: dict[tuple[int, bytes], int] = {}
  unfinished = np.zeros(len(pairs), np.int64)
  for i, (tokens, length) in enumerate(
    zip(solved.tokens, solved.length, strict=True)
  ):
    for row, end in zip(tokens, length, strict=True):
      key = (i, row[:end].tobytes())
      rows[key] = rows.get(key, 0) + 1
  attempts, places = [], []
  for (i, written), count in rows.items():
    tokens = np.frombuffer(written, solved.tokens.dtype)
    rest, finished = steps_lib.decode_steps(tokenizer, tokens)
    if finished:
      attempts.append((pairs[i][0], [*pairs[i][1], *rest]))
      places.append((i, count))
    else:
      unfinished[i] += count
  correct, unknown = np.zeros((2, len(pairs)), np.int64)
  verdicts = tasks.verify_all(task, attempts)
  for (i, count), verdict in zip(places, verdicts, strict=True):
    correct[i] += count * verdict.correct
    unknown[i] += count * (not verdict.known)
  return Completions(
    num_correct=correct,
    num_total=solved.length.shape[1] - unknown,
    num_unknown=unknown,
    num_unfinished=unfinished,
    num_tokens=np.asarray(np.sum(solved.length, axis=1, dtype=np.int64)),
  )


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
