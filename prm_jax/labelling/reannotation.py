"""Hard solutions labelled anew, by a stronger completer (ReARTeR, 2501.07861).

Then classes are balanced.
"""

import dataclasses
from collections.abc import Sequence

from prm_jax import errors
from prm_jax.data import records
from prm_jax.labelling import balance, counts


def is_hard(label: records.StepLabels) -> bool:
  """Whether completions were drawn and none on the way was correct.

  A single completion is an answer and tells nothing of the completer.
  """
  drawn = [
    k for k, n in zip(label.n_correct, label.n_total, strict=True) if n > 1
  ]
  return bool(drawn) and not any(drawn)


def relabel(
  labels: Sequence[records.StepLabels],
  stronger: Sequence[records.StepLabels] | None,
  config: balance.Config,
) -> counts.Relabelled:
  """Takes the stronger completer's record of hard solutions, then balances.

  Args:
    labels: of a weak completer.
    stronger: of another, for any of the solutions; None: nothing is replaced.
    config: of the balancing.

  Returns:
    A replaced record has the counts and the completer it came with; the weak
    ones go to `extra`. `told` counts hard solutions and those replaced.

  Raises:
    UserError: there are hard solutions and `stronger` has none of them.
  """
  others = {(s.problem_id, s.steps): s for s in stronger or ()}
  found, hard, replaced = [], 0, 0
  for label in labels:
    other = others.get((label.problem_id, label.steps))
    if not is_hard(label):
      found.append(label)
      continue
    hard += 1
    if other is None:
      found.append(label)
      continue
    replaced += 1
    weak = {"completer": label.completer, "n_correct": list(label.n_correct)}
    extra = {**other.extra, "replaced": {**weak, "n_total": [*label.n_total]}}
    found.append(dataclasses.replace(other, extra=extra))
  if stronger is not None and hard and not replaced:
    raise errors.UserError("other: labels none of the hard solutions")
  made = balance.relabel(found, config)
  return counts.Relabelled(
    made.labels, {"hard": hard, "replaced": replaced, **made.told}
  )
