"""Refinement by a critic that judges each step (GenPRM, arXiv 2504.00891).

The critic judges every step K times, by a rationale written in words or by a
value model; what it says of the steps it takes for wrong goes back to the
policy, which tries again.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, TypeAlias, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float

from prm_jax.data import records
from prm_jax.solvers import glore, progress, writing
from prm_jax.tasks import base as tasks


class Judgement(NamedTuple):
  """What a critic says of one solution."""

  votes: np.ndarray  # [K, steps] P(the step is right), one row per rationale
  notes: tuple[str, ...]  # one per step, for the policy to read
  spent: writing.Spent


CriticFn: TypeAlias = Callable[
  [Sequence[tasks.Problem], Sequence[records.Solution]], Sequence[Judgement]
]
# `votes [K, steps] -> [steps]`, one number per step.
PoolFn: TypeAlias = Callable[[np.ndarray], np.ndarray]


@runtime_checkable
class PromptFn(Protocol):
  """What the policy is asked after a judgement."""

  def __call__(
    self,
    problem: tasks.Problem,
    draft: records.Solution,
    wrong: Sequence[int],
    notes: Sequence[str],
    draw: int,
  ) -> writing.Prompt:
    """`wrong` are the indices of the negative steps, at least one."""
    ...


class History(NamedTuple):
  """All attempts at each problem, the draft first."""

  attempts: list[list[records.Solution]]  # [n][<= turns + 1]
  spent: list[list[writing.Spent]]  # [n][...] in all until the attempt

  def after(
    self, turns: int
  ) -> tuple[list[records.Solution], list[writing.Spent]]:
    """What each problem had, and had spent, after so many turns."""
    last = [min(turns, len(row) - 1) for row in self.attempts]
    return (
      [row[i] for row, i in zip(self.attempts, last, strict=True)],
      [row[i] for row, i in zip(self.spent, last, strict=True)],
    )


def mean(votes: Float[np.ndarray, "K t"]) -> Float[np.ndarray, "t"]:
  """Mean P over the rationales, as in GenPRM's Maj@K."""
  return votes.mean(axis=0)


def majority(votes: Float[np.ndarray, "K t"]) -> Float[np.ndarray, "t"]:
  """Share of the rationales with P > 1/2."""
  return (votes > 0.5).mean(axis=0)


def relative_progress(
  values: Sequence[float], start: float, threshold: float = 0.8
) -> Bool[np.ndarray, "t"]:
  """Whether V_t / V_{t-1} >= threshold, see `progress.judge`.

  Args:
    values: after each step.
    start: before the first.
    threshold: of the ratio.
  """
  return progress.judge(values, start, progress.ratio(threshold))


@dataclasses.dataclass(frozen=True)
class ProgressCritic:
  """A critic made of a value model: one rationale, the relative progress.

  Attributes:
    value_fn: scores steps by V.
    start: V of the bare problem, such as the policy's accuracy.
    threshold: of the ratio.
  """

  value_fn: writing.ScoreFn
  start: float
  threshold: float = 0.8

  def __call__(
    self,
    problems: Sequence[tasks.Problem],
    solutions: Sequence[records.Solution],
  ) -> list[Judgement]:
    scored = self.value_fn(problems, solutions)
    return [
      Judgement(
        relative_progress(one.steps, self.start, self.threshold)[None] * 1.0,
        solution.steps,
        one.spent,
      )
      for one, solution in zip(scored, solutions, strict=True)
    ]


@dataclasses.dataclass(frozen=True)
class ScoreCritic:
  """A critic made of a verifier whose scores are its P(right).

  Attributes:
    score_fn: scores steps.
  """

  score_fn: writing.ScoreFn

  def __call__(
    self,
    problems: Sequence[tasks.Problem],
    solutions: Sequence[records.Solution],
  ) -> list[Judgement]:
    scored = self.score_fn(problems, solutions)
    return [
      Judgement(np.array([one.steps]), solution.steps, one.spent)
      for one, solution in zip(scored, solutions, strict=True)
    ]


def advise(
  problem: tasks.Problem,
  draft: records.Solution,
  wrong: Sequence[int],
  notes: Sequence[str],
  draw: int,
) -> writing.Prompt:
  """Asks for a whole new solution, with the notes of all negative steps."""
  told = tuple(notes[i] for i in wrong)
  return writing.Prompt(problem, seen=(draft,), notes=told, draw=draw)


def keep_valid(
  problem: tasks.Problem,
  draft: records.Solution,
  wrong: Sequence[int],
  notes: Sequence[str],
  draw: int,
) -> writing.Prompt:
  """Asks to go on from the steps before the first negative one."""
  prompt = glore.local_prompt(problem, draft, wrong[0], draw)
  return dataclasses.replace(prompt, notes=(notes[wrong[0]],))


def refine(
  problems: Sequence[tasks.Problem],
  *,
  draft_fn: writing.WriteFn,
  refine_fn: writing.WriteFn,
  critic_fn: CriticFn,
  turns: int = 3,
  pool: PoolFn = mean,
  threshold: float = 0.5,
  prompt_fn: PromptFn = advise,
) -> History:
  """Drafts, and refines until the critic is content or the turns are over.

  The paper's answer is the last attempt. The last one is not judged.

  Args:
    problems: [n].
    draft_fn: writes the drafts.
    refine_fn: writes all further attempts.
    critic_fn: judges.
    turns: attempts after the draft, at most.
    pool: K judgements to one.
    threshold: a step below it is negative (NaN is).
    prompt_fn: what is asked for.
  """
  if turns < 0:
    raise ValueError(f"turns must not be negative, got {turns}")
  drafts = draft_fn([writing.Prompt(problem) for problem in problems])
  attempts = [[draft.solution] for draft in drafts]
  spent = [[draft.spent] for draft in drafts]
  going = list(range(len(problems)))
  for turn in range(1, turns + 1):
    last = [attempts[i][-1] for i in going]
    judged = critic_fn([problems[i] for i in going], last) if going else []
    prompts: dict[int, writing.Prompt] = {}
    for i, one in zip(going, judged, strict=True):
      spent[i][-1] += one.spent
      scores = pool(one.votes)
      wrong = [k for k, score in enumerate(scores) if not score >= threshold]
      if wrong:
        prompts[i] = prompt_fn(
          problems[i], attempts[i][-1], wrong, one.notes, turn
        )
    going = list(prompts)
    written = refine_fn(list(prompts.values())) if going else []
    for i, new in zip(going, written, strict=True):
      attempts[i].append(new.solution)
      spent[i].append(spent[i][-1] + new.spent)
  return History(attempts, spent)
