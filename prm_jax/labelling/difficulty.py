"""How many samples a problem gets (DART, arXiv 2407.13690).

Plain sampling gives easy problems most of the right solutions. DART goes on
with a problem until enough are right: as many for each ("uniform"), or in
proportion to how often samples fail ("difficulty").
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Float, Int

from prm_jax import errors
from prm_jax.data import records
from prm_jax.tasks import base as tasks

# problems, and which draw of each -> one judged solution each
SampleFn: TypeAlias = Callable[
  [Sequence[tasks.Problem], Sequence[int]], Sequence[records.Solution]
]


@dataclasses.dataclass(frozen=True)
class Config:
  """Choices of the method.

  Attributes:
    rule: see the module.
    num: right solutions of a problem ("uniform"), of the hardest
      ("difficulty").
    batch: samples of a problem at a time.
    max_samples: of a problem; some are never solved.
    probe: samples that estimate how often a problem fails; they count.
    distinct: equal right solutions count once.
  """

  rule: Literal["uniform", "difficulty"] = "uniform"
  num: int = 4
  batch: int = 8
  max_samples: int = 64
  probe: int = 8
  distinct: bool = False

  def __post_init__(self):
    for name in ("num", "batch", "max_samples", "probe"):
      if getattr(self, name) < 1:
        raise errors.UserError(f"difficulty.{name}: must be at least 1")


@dataclasses.dataclass
class Sampled:
  """What a problem got.

  Attributes:
    problem: which one.
    wanted: right solutions.
    right: those found, at most as many as are wanted.
    num_right: all right samples.
    num_known: samples with a verdict.
    num_samples: all samples.
  """

  problem: tasks.Problem
  wanted: int
  right: list[records.Solution] = dataclasses.field(default_factory=list)
  num_right: int = 0
  num_known: int = 0
  num_samples: int = 0


def wanted(
  fail_rates: Float[np.ndarray, "n"], num: int, rule: str
) -> Int[np.ndarray, "n"]:
  """Right solutions of each problem, at least one.

  By difficulty: `num` times the fail rate over the largest one, rounded.
  """
  if rule == "uniform":
    return np.full(len(fail_rates), num)
  largest = fail_rates.max(initial=0.0)
  if largest == 0:
    return np.ones(len(fail_rates), np.int64)
  shares = np.rint(num * fail_rates / largest).astype(np.int64)
  return np.maximum(shares, 1)


def sample(
  problems: Sequence[tasks.Problem], sample_fn: SampleFn, config: Config
) -> list[Sampled]:
  """Samples until every problem has enough, or used up its samples.

  Rounds are batched over the problems that still lack some.

  Args:
    problems: [n].
    sample_fn: writes and judges; draw d of a problem is always the same.
    config: see there.
  """
  found = [Sampled(problem, config.num) for problem in problems]
  if config.rule == "difficulty":
    probe = min(config.probe, config.max_samples)
    _draw(found, sample_fn, [probe] * len(found), config)
    judged = [one for one in found if one.num_known]
    rates = [1 - one.num_right / one.num_known for one in judged]
    shares = wanted(np.array(rates, np.float64), config.num, config.rule)
    left = iter(shares.tolist())
    for one in found:
      # Of a problem without verdicts nobody knows how hard it is.
      one.wanted = next(left) if one.num_known else 0
      del one.right[one.wanted :]
  while True:
    lacking = [
      s
      for s in found
      if len(s.right) < s.wanted and s.num_samples < config.max_samples
    ]
    if not lacking:
      return found
    room = [
      min(config.batch, config.max_samples - s.num_samples) for s in lacking
    ]
    _draw(lacking, sample_fn, room, config)


def _draw(
  asked: Sequence[Sampled],
  sample_fn: SampleFn,
  nums: Sequence[int],
  config: Config,
) -> None:
  """`nums` more samples of each, in one batch."""
  places = [
    (one, one.num_samples + d)
    for one, num in zip(asked, nums, strict=True)
    for d in range(num)
  ]
  made = sample_fn([one.problem for one, _ in places], [d for _, d in places])
  for (one, _), solution in zip(places, made, strict=True):
    one.num_samples += 1
    one.num_known += solution.correct is not None
    if not solution.correct:
      continue
    one.num_right += 1
    is_new = all(solution.steps != other.steps for other in one.right)
    if len(one.right) < one.wanted and (is_new or not config.distinct):
      one.right.append(solution)


def summarise(found: Sequence[Sampled]) -> dict[str, int | float | None]:
  """Statistics of what problems got.

  Returns:
    Sums over problems: `wanted`, `kept`, `samples`, `right` (kept or not),
    `without_verdict`; `problems`, and how many are `unsolved`, `unjudged`
    (no sample has a verdict: by difficulty none is wanted of them) or got
    `fewer` than is wanted; `pass_rate`, the mean share of right samples of a
    problem; `samples_per_solution`, of those kept, null where none is.
  """
  known = [one for one in found if one.num_known]
  kept = sum(len(one.right) for one in found)
  samples = sum(one.num_samples for one in found)
  total_known = sum(one.num_known for one in found)
  rates = [one.num_right / one.num_known for one in known]
  return {
    "problems": len(found),
    "wanted": sum(one.wanted for one in found),
    "kept": kept,
    "unsolved": sum(not one.num_right for one in found),
    "unjudged": len(found) - len(known),
    "fewer": sum(len(one.right) < one.wanted for one in found),
    "samples": samples,
    "right": sum(one.num_right for one in found),
    "without_verdict": samples - total_known,
    "pass_rate": float(np.mean(rates)) if rates else None,
    "samples_per_solution": samples / kept if kept else None,
  }
