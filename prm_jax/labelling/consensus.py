"""Labels on which completions and a judge agree (arXiv 2501.07301).

Completions label by value, a judge by correctness: they differ at right steps
nobody completes and at wrong ones that somebody saves. The paper keeps a
solution where both put the first error at one place, about 40 % of them; the
kept ones are easier, and `told` says by how much.
"""

import collections
import dataclasses
import math
from collections.abc import Sequence
from typing import Any, Literal

from prm_jax.data import records
from prm_jax.labelling import counts, judges, rollouts
from prm_jax.tasks import base as tasks


@dataclasses.dataclass(frozen=True)
class Config:
  """Choices of the method.

  Attributes:
    by: a "solution" is kept whole where the first errors are the same, else
      left out; a "step" loses its label where the two classes differ.
    threshold: of the classes of counts, see `rollouts.RolloutConfig`.
  """

  by: Literal["solution", "step"] = "solution"
  threshold: float = 0.0


def relabel(
  labels: Sequence[records.StepLabels],
  problems: Sequence[tasks.Problem],
  judge: judges.JudgeFn,
  config: Config,
) -> counts.Relabelled:
  """Keeps what completions and the judge agree on.

  Returns:
    Classes of the counts; by solution, with the agreed `first_error`.
    `told["solutions"]` and `told["steps"]` count what is kept, dropped and
    unknown (one of the two has no answer: dropped as well, and not counted as
    disagreement); `survival` is the kept share of what both know; `shift`
    compares kept with all solutions: mean number of steps, share of the right
    answers, mean pass@1.
  """
  said = judges.ask(judge, problems, [counts.steps(label) for label in labels])
  by = {"solution": _whole, "step": _stepwise}[config.by]
  solutions: collections.Counter[str] = collections.Counter()
  steps: collections.Counter[str] = collections.Counter()
  found = []
  for label, own in zip(labels, said, strict=True):
    mine = counts.classes(label, config.threshold)
    kind = _agreement(
      rollouts.first_error(mine), rollouts.first_error(own.verdicts)
    )
    solutions[kind] += 1
    steps.update(
      _agreement(a, b) for a, b in zip(mine, own.verdicts, strict=True)
    )
    made = by(label, mine, own.verdicts, kind)
    found += [made] if made is not None else []
  kept = steps if config.by == "step" else solutions
  known = kept["kept"] + kept["dropped"]
  return counts.Relabelled(
    found,
    {
      "solutions": _ordered(solutions),
      "steps": _ordered(steps),
      "survival": kept["kept"] / known if known else None,
      "judge_tokens": sum(own.tokens for own in said),
      "shift": {"all": _easiness(labels), "kept": _easiness(found)},
    },
  )


def _agreement(mine: int | None, theirs: int | None) -> str:
  if mine is None or theirs is None:
    return "unknown"
  return "kept" if mine == theirs else "dropped"


def _whole(
  label: records.StepLabels,
  mine: judges.Verdicts,
  theirs: judges.Verdicts,
  kind: str,
) -> records.StepLabels | None:
  del theirs
  if kind != "kept":
    return None
  return dataclasses.replace(
    label, hard=mine, soft=None, first_error=rollouts.first_error(mine)
  )


def _stepwise(
  label: records.StepLabels,
  mine: judges.Verdicts,
  theirs: judges.Verdicts,
  kind: str,
) -> records.StepLabels:
  del kind
  both = tuple(
    a if _agreement(a, b) == "kept" else None
    for a, b in zip(mine, theirs, strict=True)
  )
  return dataclasses.replace(label, hard=both, soft=None, first_error=None)


def _ordered(found: collections.Counter[str]) -> dict[str, int]:
  return {name: found[name] for name in ("kept", "dropped", "unknown")}


def _easiness(
  labels: Sequence[records.StepLabels],
) -> dict[str, Any]:
  ends = [counts.outcome(label) for label in labels]
  starts = [counts.pass_at_1(label) for label in labels]
  return {
    "num_steps": counts.mean([len(label.n_total) for label in labels]),
    "right": counts.mean([end for end in ends if end is not None]),
    "pass_at_1": counts.mean([one for one in starts if not math.isnan(one)]),
  }
