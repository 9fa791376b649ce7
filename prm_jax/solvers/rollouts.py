"""The exact value of any policy, up to sampling error: V by rollouts.

V(prefix) = P(the policy ends correct | prefix). n fresh rollouts give an
unbiased Binomial(n, V) / n estimate; counts are kept, ratios are for the
reader.
"""

import itertools
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


class Rollout(NamedTuple):
  """One completion of a prefix."""

  steps: tuple[str, ...]  # behind the prefix
  num_tokens: int
  correct: bool
  known: bool = True  # the verifier has a verdict
  finished: bool = True  # not cut off, which counts as wrong


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
  return count(write(searching, task, tokenizer, problems, steps))


def write(
  searching: Sampler,
  task: tasks.Task,
  tokenizer: notation.Notation,
  problems: Sequence[tasks.Problem],
  steps: Sequence[Sequence[str]],
) -> list[list[Rollout]]:
  """The completions that `complete` counts, [n][N]."""
  pairs = list(zip(problems, steps, strict=True))
  begun = [prompts_lib.begin(tokenizer, *pair) for pair in pairs]
  return _judge(task, tokenizer, pairs, searching.solve(begun))


def count(written: Sequence[Sequence[Rollout]]) -> Completions:
  """Of rollouts [n][N], which may differ in N."""
  total = lambda value_fn: np.array(
    [sum(map(value_fn, row)) for row in written], np.int64
  )
  return Completions(
    num_correct=total(lambda one: one.correct),
    num_total=total(lambda one: one.known),
    num_unknown=total(lambda one: not one.known),
    num_unfinished=total(lambda one: not one.finished),
    num_tokens=total(lambda one: one.num_tokens),
  )


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
  found = count(_judge(task, tokenizer, pairs, searching.solve(asked)))
  # What the verifier does not know is not correct here.
  return Counts(found.num_correct, found.num_total + found.num_unknown)


def _judge(
  task: tasks.Task,
  tokenizer: notation.Notation,
  pairs: Sequence[tuple[tasks.Problem, Sequence[str]]],
  solved: Any,
) -> list[list[Rollout]]:
  """The rows, [n][N]; equal rows of a prefix are judged once."""
  keys: list[list[tuple[int, bytes]]] = []
  for i, (tokens, length) in enumerate(
    zip(solved.tokens, solved.length, strict=True)
  ):
    rows = zip(tokens, length, strict=True)
    keys.append([(i, row[:end].tobytes()) for row, end in rows])
  found: dict[tuple[int, bytes], Rollout] = {}
  attempts, places = [], []
  for key in dict.fromkeys(itertools.chain.from_iterable(keys)):
    tokens = np.frombuffer(key[1], solved.tokens.dtype)
    rest, finished = steps_lib.decode_steps(tokenizer, tokens)
    found[key] = Rollout(
      tuple(rest), len(tokens), correct=False, finished=finished
    )
    if finished:
      attempts.append((pairs[key[0]][0], [*pairs[key[0]][1], *rest]))
      places.append(key)
  for key, v in zip(places, tasks.verify_all(task, attempts), strict=True):
    found[key] = found[key]._replace(correct=v.correct, known=v.known)
  return [[found[key] for key in row] for row in keys]


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
