"""What refinement, critics and debate ask of models: to write and to score.

They work on problems and records on the host, whatever writes: a compiled
solver (`writers`), a model behind a service, or a script in a test. A writer
is asked for many solutions at once, one per prompt.
"""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeAlias

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from prm_jax.data import records
from prm_jax.search import votes
from prm_jax.tasks import base as tasks


@dataclasses.dataclass(frozen=True)
class Spent:
  """Tokens of one problem, by who read or wrote them.

  Attributes:
    policy_tokens: written, thrown away or not.
    prompt_tokens: read by the policy before it writes: the problem, steps that
      are kept and whatever it is shown, anew for every solution.
    verifier_tokens: read by verifiers and written by critics.
  """

  policy_tokens: int = 0
  prompt_tokens: int = 0
  verifier_tokens: int = 0

  def __add__(self, other: "Spent") -> "Spent":
    return Spent(
      self.policy_tokens + other.policy_tokens,
      self.prompt_tokens + other.prompt_tokens,
      self.verifier_tokens + other.verifier_tokens,
    )


@dataclasses.dataclass(frozen=True)
class Prompt:
  """A problem and what its writer is told of earlier attempts.

  Attributes:
    problem: what is to be solved.
    kept: steps that the solution begins with.
    seen: earlier solutions, the writer's own or others', in order.
    notes: what a critic says of them.
    draw: number of this attempt among all of the problem; a writer that
      samples takes another key for each.
  """

  problem: tasks.Problem
  kept: tuple[str, ...] = ()
  seen: tuple[records.Solution, ...] = ()
  notes: tuple[str, ...] = ()
  draw: int = 0


class Written(NamedTuple):
  """A whole solution, the steps that were kept included."""

  solution: records.Solution
  spent: Spent


class Scored(NamedTuple):
  """A verifier's score at the end of each step."""

  steps: tuple[float, ...]
  spent: Spent

  @property
  def last(self) -> float:
    """Of the whole solution; 0 if nothing was written."""
    return self.steps[-1] if self.steps else 0.0


WriteFn: TypeAlias = Callable[[Sequence[Prompt]], Sequence[Written]]
ScoreFn: TypeAlias = Callable[
  [Sequence[tasks.Problem], Sequence[records.Solution]], Sequence[Scored]
]


def total(spent: Iterable[Spent]) -> Spent:
  """The sum."""
  return sum(spent, Spent())


def vote(
  solutions: Sequence[Sequence[records.Solution]],
  scores: Float[np.ndarray, "n N"],
  rule: votes.Rule,
) -> Int[np.ndarray, "n"]:
  """The solution of each problem that a rule of `search.votes` chooses.

  Args:
    solutions: [n][N]; one without an answer is chosen only if all are.
    scores: what the rule weighs them by.
    rule: such as `votes.naive`.
  """
  answers = [[solution.answer for solution in row] for row in solutions]
  ids = jnp.asarray(votes.answer_ids(answers))
  return np.asarray(rule(ids, jnp.asarray(scores, jnp.float32)))


def majority(
  solutions: Sequence[Sequence[records.Solution]],
) -> Int[np.ndarray, "n"]:
  """The first solution with the most frequent answer (2203.11171)."""
  num = len(solutions), len(solutions[0])
  return vote(solutions, np.ones(num), votes.weighted)
