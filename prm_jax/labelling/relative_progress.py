"""Labels by relative progress (RPE of GenPRM, arXiv 2504.00891).

A step is right that keeps enough of the completer's value, by ratio or by
difference, see `solvers.progress`. The first step is compared with pass@1 of
the problem.
"""

import bisect
import collections
import dataclasses
import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from scipy import stats

from prm_jax import errors
from prm_jax.data import records
from prm_jax.labelling import counts
from prm_jax.solvers import progress


@dataclasses.dataclass(frozen=True)
class Config:
  """Choices of the method.

  Attributes:
    rule: what is compared: "ratio" or "difference".
    threshold: of the ratio (the paper's best is 0.8), or of the difference,
      not above 0 (it tries -0.1, -0.3 and -0.5).
    start: where pass@1 comes from: "root", completions of the bare problem
      (`rollouts.root`), or "solutions", the share of the problem's solutions
      in the file that are right.
    zero_start: steps of a problem whose pass@1 is 0, which nothing can be
      compared with: left without a label ("ignore"), all wrong ("wrong"), or
      the first step is right if any of its completions is ("any").
  """

  rule: Literal["ratio", "difference"] = "ratio"
  threshold: float = 0.8
  start: Literal["root", "solutions"] = "root"
  zero_start: Literal["ignore", "wrong", "any"] = "ignore"

  def __post_init__(self):
    low, high = (0.0, 1.0) if self.rule == "ratio" else (-1.0, 0.0)
    if not low <= self.threshold <= high:
      raise errors.UserError(
        f"method.threshold: a {self.rule} is from {low:g} to {high:g}, got "
        f"{self.threshold}"
      )

  @property
  def keeps(self) -> progress.KeepsFn:
    make = {"ratio": progress.ratio, "difference": progress.difference}
    return make[self.rule](self.threshold)


def num_rollouts(
  pass_at_1: float,
  bounds: Sequence[float] = (0.1, 0.9),
  nums: Sequence[int] = (128, 64, 32),
) -> int:
  """Completions of each prefix of a problem: more for harder ones.

  Args:
    pass_at_1: of the problem.
    bounds: of the brackets [0, .1), [.1, .9), [.9, 1], ascending.
    nums: one per bracket.
  """
  if len(nums) != len(bounds) + 1:
    raise ValueError(f"{len(bounds)} bounds and {len(nums)} numbers")
  return nums[bisect.bisect_right(bounds, pass_at_1)]


def probability_right(
  before: float, after: float, num: int, keeps: progress.KeepsFn
) -> float:
  """P(a step is labelled right), exactly, from the two values.

  A sum over both counts of `num` independent completions; a count of 0 before
  the step makes it wrong.

  Args:
    before: V before the step.
    after: V after it.
    num: completions of each of the two prefixes.
    keeps: the rule.
  """
  counted = np.arange(num + 1)
  first = stats.binom.pmf(counted, num, before)
  second = stats.binom.pmf(counted, num, after)
  right = np.array(
    [[i > 0 and keeps(i / num, j / num) for j in counted] for i in counted]
  )
  return float(first @ right @ second)


def relabel(
  labels: Sequence[records.StepLabels], config: Config
) -> counts.Relabelled:
  """Classes by progress; `told` counts problems and labels that changed.

  Solutions of a problem of which no completion (or solution) has a verdict
  have no labels; `told` counts them as `unjudged`.

  Raises:
    UserError: names the record of a problem that nobody completed, or no
      problem at all has a verdict.
  """
  starts = _starts(labels, config)
  told: collections.Counter[str] = collections.Counter(
    dict.fromkeys(("zero_start", "unjudged", "changed", "unknown"), 0)
  )
  found = []
  for label in labels:
    start = starts[label.problem_id]
    hard = _classes(counts.shares(label), start, config)
    before = counts.classes(label)
    told["zero_start"] += start == 0
    told["unjudged"] += bool(np.isnan(start))
    told["unknown"] += sum(value is None for value in hard)
    told["changed"] += sum(
      None not in (a, b) and a != b for a, b in zip(before, hard, strict=True)
    )
    found.append(
      dataclasses.replace(label, hard=hard, soft=None, first_error=None)
    )
  return counts.Relabelled(found, dict(told))


def _classes(
  values: np.ndarray, start: float, config: Config
) -> tuple[int | None, ...]:
  if np.isnan(start) or (start == 0 and config.zero_start == "ignore"):
    return (None,) * len(values)
  if start == 0 and config.zero_start == "any":
    first = None if np.isnan(values[0]) else int(values[0] > 0)
    return first, *_known(values[1:], values[0], config.keeps)
  return _known(values, start, config.keeps)


def _known(
  values: np.ndarray, start: float, keeps: progress.KeepsFn
) -> tuple[int | None, ...]:
  """Without a label where value or the one before is not known, unless dead."""
  right = progress.judge(values.tolist(), start, keeps)
  before = np.concatenate([[start], values])[: len(values)]
  dead = np.logical_or.accumulate(before <= 0)
  unknown = (np.isnan(values) | np.isnan(before)) & ~dead
  return tuple(
    None if gap else int(value)
    for gap, value in zip(unknown, right, strict=True)
  )


def _starts(
  labels: Sequence[records.StepLabels], config: Config
) -> dict[str, float]:
  """pass@1 of each problem, NaN where nothing has a verdict."""
  correct: collections.Counter[str] = collections.Counter()
  total: collections.Counter[str] = collections.Counter()
  for index, label in enumerate(labels):
    own = _counted(label, config.start)
    if own is None:
      raise errors.UserError(
        f"labels[{index}].extra.root: {label.problem_id!r} has no count of the "
        "bare problem; label with rollouts.root, or set method.start to "
        "'solutions'"
      )
    correct[label.problem_id] += own[0]
    total[label.problem_id] += own[1]
  if labels and not any(total.values()):
    raise errors.UserError(
      f"labels[0].problem_id: none of the {config.start} of "
      f"{labels[0].problem_id!r}, or of another problem, has a verdict"
    )
  return {
    name: correct[name] / total[name] if total[name] else math.nan
    for name in total
  }


def _counted(label: records.StepLabels, start: str) -> tuple[int, int] | None:
  if start == "root":
    return counts.root(label)
  right = counts.outcome(label)
  return (0, 0) if right is None else (int(right), 1)
