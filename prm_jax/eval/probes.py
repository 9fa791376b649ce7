"""What moves a verifier's score that should not, after arXiv 2501.07301.

A probe changes solutions in a way that leaves what they say as it was, or
adds nothing to it, and looks at how the score changes: a paired difference
with an interval over problems. A step verifier's score of a solution is an
aggregate of its steps' scores.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Float, Num

from prm_jax.eval import bootstrap, processbench, ranking, totals

Change: TypeAlias = Callable[[Sequence[str]], list[str]]

FILLER = "Let us go on with the next step."


def repeat_last(steps: Sequence[str]) -> list[str]:
  """The last step once more: nothing is new."""
  return [*steps, *steps[-1:]]


def repeat_first(steps: Sequence[str]) -> list[str]:
  """The first step twice."""
  return [*steps[:1], *steps]


def add_filler(steps: Sequence[str]) -> list[str]:
  """A step without content before the last one."""
  return [*steps[:-1], FILLER, *steps[-1:]]


def number_steps(steps: Sequence[str]) -> list[str]:
  """Another format of the same content."""
  return [f"Step {i}: {step}" for i, step in enumerate(steps, start=1)]


def merge_steps(steps: Sequence[str]) -> list[str]:
  """Another delimiter: pairs of steps become one, on two lines."""
  return ["\n".join(steps[i : i + 2]) for i in range(0, len(steps), 2)]


# Probes that change the steps; that of another problem is `swapped`.
CHANGES: Mapping[str, Change] = MappingProxyType(
  {
    "repeat last": repeat_last,
    "repeat first": repeat_first,
    "filler": add_filler,
    "numbers": number_steps,
    "merged": merge_steps,
  }
)


class Shift(NamedTuple):
  """How a probe moved the scores; 0 is what a sound verifier does."""

  mean: bootstrap.Comparison  # after less before
  num_solutions: int


def shift(
  problems: Sequence[str],
  before: Float[np.ndarray, "n"],
  after: Float[np.ndarray, "n"],
  *,
  seed: int = 0,
  num_resamples: int = bootstrap.NUM_RESAMPLES,
) -> Shift:
  """Mean change per solution; solutions of one problem stay together.

  Args:
    problems: [n] of each solution.
    before: rewards of the solutions.
    after: of the changed ones.
    seed: of the bootstrap.
    num_resamples: of the bootstrap.
  """
  table = np.stack([after - before, np.ones(len(before))], axis=1)
  sums = totals.by_problem(problems, table)
  mean = totals.comparison(
    lambda sums: np.asarray(sums[..., 0] / sums[..., 1]),
    sums,
    seed=seed,
    num_resamples=num_resamples,
  )
  return Shift(mean, len(before))


def swapped(num_problems: int) -> np.ndarray:
  """[num_problems] for each problem another one: the next, in a circle."""
  return np.roll(np.arange(num_problems), -1)


def length_correlation(
  scores: processbench.StepScores, lengths: Sequence[np.ndarray]
) -> float:
  """Spearman's correlation of the scores of steps with their lengths.

  Args:
    scores: n of [k].
    lengths: n of [k], in tokens or characters.
  """
  return ranking.spearman(np.concatenate(scores), np.concatenate(lengths))


def position_correlation(scores: processbench.StepScores) -> float:
  """Spearman's correlation of the scores of steps with their positions."""
  places = np.concatenate([np.arange(len(own)) for own in scores])
  return ranking.spearman(np.concatenate(scores), places)


def count_correlation(
  rewards: Num[np.ndarray, "n"], scores: processbench.StepScores
) -> float:
  """Of solutions' rewards with their numbers of steps: the long-answer bias."""
  return ranking.spearman(rewards, np.array([len(own) for own in scores]))
