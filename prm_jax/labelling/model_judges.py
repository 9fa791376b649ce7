"""Language models as judges: by the scores of a verifier, or by their words.

A verifier's score of a step is its P(right). A critic is asked for the index
of the first wrong step and tells nothing of those behind it; shown the
reference answer it verifies in reverse (AURORA, arXiv 2502.11520).
"""

import collections
import dataclasses
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from prm_jax import errors
from prm_jax.labelling import first_errors, judges
from prm_jax.tasks import base as tasks

ScoreFn: TypeAlias = Callable[
  [Sequence[tasks.Problem], Sequence[judges.Steps]], list[np.ndarray]
]
# prompts -> (texts of each prompt, tokens read and written for it)
CriticFn: TypeAlias = Callable[
  [Sequence[str]], Sequence[tuple[Sequence[str], int]]
]
# text of a critic -> index of the first wrong step, -1: none, None: unclear
ParseFn: TypeAlias = Callable[[str], int | None]
PromptFn: TypeAlias = Callable[[tasks.Problem, judges.Steps], str]


@dataclasses.dataclass(frozen=True)
class Scores:
  """A verifier as a judge.

  Attributes:
    score_fn: P(right) of each step; such as `solvers.step_scores.StepScorer`.
    threshold: a step is right whose score is at least this.
    margin: scores closer than this to the threshold say nothing; NaN says
      nothing either.
  """

  score_fn: ScoreFn
  threshold: float = 0.5
  margin: float = 0.0

  def __post_init__(self):
    if not 0 <= self.threshold <= 1 or self.margin < 0:
      raise errors.UserError(
        "judge.threshold, judge.margin: expected a probability and at least 0"
        f", got {self.threshold} and {self.margin}"
      )

  def __call__(
    self, problems: Sequence[tasks.Problem], given: Sequence[judges.Steps]
  ) -> list[judges.Judgement]:
    found = self.score_fn(problems, given)
    return [
      judges.Judgement(tuple(map(self._verdict, own.tolist()))) for own in found
    ]

  def _verdict(self, score: float) -> int | None:
    return verdict(score, self.threshold, self.margin)


def verdict(score: float, threshold: float, margin: float) -> int | None:
  """See `Scores`."""
  if not abs(score - threshold) >= margin:
    return None
  return int(score >= threshold)


@dataclasses.dataclass(frozen=True)
class Words:
  """A critic's words as verdicts; its texts on a solution vote.

  Attributes:
    critic_fn: writes, to all prompts at once.
    parse_fn: reads what it wrote.
    prompt_fn: what it is asked; see `ask_for_first_error`.
  """

  critic_fn: CriticFn
  parse_fn: ParseFn
  prompt_fn: PromptFn

  def __call__(
    self, problems: Sequence[tasks.Problem], given: Sequence[judges.Steps]
  ) -> list[judges.Judgement]:
    prompts = [
      self.prompt_fn(problem, steps)
      for problem, steps in zip(problems, given, strict=True)
    ]
    said = self.critic_fn(prompts)
    return [
      judges.Judgement(self._verdicts(texts, len(steps)), tokens)
      for (texts, tokens), steps in zip(said, given, strict=True)
    ]

  def _verdicts(self, texts: Sequence[str], num_steps: int) -> judges.Verdicts:
    """By the place that most texts agree on; unknown where none is clear."""
    places = [self.parse_fn(text) for text in texts]
    clear = [p for p in places if p is not None and -1 <= p < num_steps]
    found = collections.Counter(clear).most_common(1)
    first = found[0][0] if found else None
    return first_errors.target(first, num_steps)[0]


def ask_for_first_error(problem: tasks.Problem, steps: judges.Steps) -> str:
  """Asks for an index from 0 in a box, -1 where every step is right."""
  numbered = "\n\n".join(
    f"[Step {index}]\n{step}" for index, step in enumerate(steps)
  )
  return (
    f"Here are a problem and a solution in steps.\n\n[Problem]\n"
    f"{problem.prompt}\n\n{numbered}\n\nCheck the steps one after the other. "
    "Give the index of the first step that is wrong in \\boxed{}, or "
    "\\boxed{-1} if every step is right."
  )


def ask_in_reverse(problem: tasks.Problem, steps: judges.Steps) -> str:
  """The same with the reference answer, where there is one."""
  asked = ask_for_first_error(problem, steps)
  if problem.answer is None:
    return asked
  return (
    f"{asked} The right answer to the problem is {problem.answer}; a solution "
    "that ends with another one has a wrong step."
  )
