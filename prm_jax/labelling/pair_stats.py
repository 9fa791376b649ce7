"""What a file of preferred steps says on the whole, and what it cost."""

import collections
from collections.abc import Sequence
from typing import Any

from prm_jax.data import records
from prm_jax.labelling import counts, label_stats


def summarise(
  pairs: Sequence[records.StepPair], labels: Sequence[records.StepLabels]
) -> dict[str, Any]:
  """Statistics of pairs.

  Args:
    pairs: made of the labels.
    labels: whose `extra` may tell their cost.

  Returns:
    `pairs`, `problems` and `prefixes` that have any; `gap`, the mean
    difference of the values, and `better` and `worse`, their means (null where
    only the order is known); `pairs_by_depth`, index 0 behind the bare
    problem; `longest_list`, the most pairs of a prefix; the `cost` of the
    labels (null where none tells it), and `tokens_per_pair`.
  """
  gaps = [
    one.better_value - one.worse_value
    for one in pairs
    if one.better_value is not None and one.worse_value is not None
  ]
  prefixes = collections.Counter((one.problem_id, one.prefix) for one in pairs)
  depths = collections.Counter(len(one.prefix) for one in pairs)
  cost = label_stats.cost(labels)
  tokens = cost["policy_tokens"] if cost else None
  return {
    "pairs": len(pairs),
    "problems": len({one.problem_id for one in pairs}),
    "prefixes": len(prefixes),
    "gap": counts.mean(gaps),
    "better": counts.mean(_known([one.better_value for one in pairs])),
    "worse": counts.mean(_known([one.worse_value for one in pairs])),
    "pairs_by_depth": [depths[k] for k in range(max(depths, default=-1) + 1)],
    "longest_list": max(prefixes.values(), default=0),
    "cost": cost,
    "tokens_per_pair": tokens / len(pairs)
    if tokens is not None and pairs
    else None,
  }


def _known(values: Sequence[float | None]) -> list[float]:
  return [value for value in values if value is not None]
