"""Completions by a task's own policy, whose values are known exactly.

`chain` and `graph_arithmetic` have a policy that is a few lines of
arithmetic, so labels that rest on completions can be compared with the true
value at no model's cost. Tokens are counted as if a model had written them.
"""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np

from prm_jax.solvers import prompts, rollouts
from prm_jax.tasks import base as tasks
from prm_jax.text import steps as steps_lib
from prm_jax.text import tokenizer as tokenizer_lib

# problems and steps written so far -> the completions of each
WriteFn: TypeAlias = Callable[
  [Sequence[tasks.Problem], Sequence[Sequence[str]]],
  list[list[rollouts.Rollout]],
]


@runtime_checkable
class Reference(Protocol):
  """What is asked of a task."""

  name: str

  def tokenizer(self) -> tokenizer_lib.Tokenizer: ...

  def sample(
    self,
    problem: tasks.Problem,
    rng: np.random.Generator,
    begun: Sequence[str] = (),
  ) -> tuple[list[str], bool]: ...


def writer(task: Reference, num: int, seed: int) -> WriteFn:
  """A function that completes every prefix `num` times.

  The completions of a prefix depend on the seed, the problem and the steps
  alone, as those of `solvers.rollouts` do.
  """
  tokenizer = task.tokenizer()

  def write_one(
    problem: tasks.Problem, begun: Sequence[str]
  ) -> list[rollouts.Rollout]:
    name = prompts.number(prompts.with_steps(problem.id, begun))
    rng = np.random.default_rng((seed, name))
    found = [task.sample(problem, rng, begun) for _ in range(num)]
    written = num_tokens(tokenizer, problem, begun, finished=False)
    return [
      rollouts.Rollout(
        tuple(steps[len(begun) :]),
        num_tokens(tokenizer, problem, steps) - written,
        correct,
      )
      for steps, correct in found
    ]

  return lambda problems, steps: [
    write_one(*pair) for pair in zip(problems, steps, strict=True)
  ]


def num_tokens(
  tokenizer: tokenizer_lib.Tokenizer,
  problem: tasks.Problem,
  steps: Sequence[str],
  *,
  finished: bool = True,
) -> int:
  """Tokens that a model writes after the prompt for these steps."""
  encoded = steps_lib.encode_solution(
    tokenizer, problem.prompt, steps, finished=finished
  )
  return len(encoded.tokens) - encoded.prompt_length
