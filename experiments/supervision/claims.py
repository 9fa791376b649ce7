"""What was claimed of labels and objectives, as ratios and differences.

Cells that share task, budget and seed are compared; ratios are geometric means
with Student's interval of their logarithms.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from prm_jax.eval import seeds
from prm_jax.reports import results

# task, cell, budget -> seed -> what was measured
Cells: TypeAlias = dict[tuple[str, str, int], dict[int, Mapping[str, Any]]]

_VALUES = ("value_mse", "spearman")
_CHOICE = ("best_of_n_last", "best_of_n_product", "particle")


class Claim(NamedTuple):
  """Two cells, and by what they are compared.

  Attributes:
    left: name of a cell.
    right: what it is held against.
    metrics: that are compared.
    share: of the tokens of `right` that `left` has had.
  """

  left: str
  right: str
  metrics: Sequence[str]
  share: float = 1.0


CLAIMS: Mapping[str, Claim] = {
  "OmegaPRM, completions of every step": Claim(
    "halved", "soft", (*_VALUES, "f1", *_CHOICE)
  ),
  "TVM, soft step labels": Claim("tvm", "soft", (*_VALUES, "f1", *_CHOICE)),
  "TVM, OVM": Claim("tvm", "ovm", (*_VALUES, *_CHOICE)),
  "TVM, ORM": Claim("tvm", "orm", (*_VALUES, *_CHOICE)),
  "soft, hard labels": Claim("soft", "hard", (*_VALUES, "f1", *_CHOICE)),
  "filtered, hard labels": Claim("agreed", "hard", (*_VALUES, "f1")),
  "progress, hard labels": Claim("progress", "hard", ("f1", *_CHOICE)),
  "PQM, cross-entropy": Claim("hard, pqm", "hard", ("f1", *_CHOICE)),
  "right steps, TVM": Claim("oracle", "tvm", (*_VALUES, "f1", *_CHOICE)),
  "winnable states, TVM": Claim("solvable", "tvm", (*_VALUES, "f1", *_CHOICE)),
  "implicit, hard labels": Claim("implicit", "hard", ("f1", *_CHOICE)),
  "implicit of 1/38 of the tokens, hard labels": Claim(
    "implicit", "hard", ("f1", *_CHOICE), 1 / 38
  ),
  "implicit, ORM": Claim("implicit", "orm", (*_VALUES, "f1", *_CHOICE)),
  "PAV of a weak prover, soft labels": Claim("pav, weak", "soft", _CHOICE),
  "PAV of a strong prover, soft labels": Claim("pav, strong", "soft", _CHOICE),
  "PAV of a weak prover, of the best of 4": Claim("pav, weak", "pav", _CHOICE),
  "PAV, ORM": Claim("pav", "orm", _CHOICE),
  "PAV, soft labels": Claim("pav", "soft", (*_VALUES, *_CHOICE)),
}


def compare(cells: Cells) -> Iterator[results.Row]:
  """Rows "task: claim", once as a difference and once as a ratio.

  The largest budget of each pair is taken. There is no ratio of correlations,
  nor where a number is not positive.
  """
  for task in dict.fromkeys(task for task, _, _ in cells):
    for title, claim in CLAIMS.items():
      budget = _largest(cells, task, claim)
      if budget is None:
        continue
      left = cells[task, claim.left, _bought(claim, budget)]
      right = cells[task, claim.right, budget]
      shared = sorted(left.keys() & right.keys())
      for metric in claim.metrics:
        if metric in left[shared[0]]:
          pair = [
            np.array([side[seed][metric] for seed in shared])
            for side in (left, right)
          ]
          yield from _rows(f"{task}: {title}", metric, pair, budget)


def efficiency(
  cells: Cells, task: str, left: str, right: str, metric: str
) -> Iterator[results.Row]:
  """Tokens that `right` needs for the error of `left`, per token of `left`.

  `right` is read between its budgets, linear in the logarithm of the tokens;
  its error never rises with them. Beyond its budgets the ratio is cut off at
  the last of them, and the row's cost counts how many seeds were.
  """
  budgets = sorted(
    {b for t, name, b in cells if (t, name) == (task, right)}
    & {b for t, name, b in cells if (t, name) == (task, left)}
  )
  for budget in budgets:
    logs, cut = [], 0
    for seed, own in sorted(cells[task, left, budget].items()):
      curve = [cells[task, right, b] for b in budgets]
      if len(budgets) < 2 or any(seed not in by_seed for by_seed in curve):
        continue
      errors = np.minimum.accumulate([c[seed][metric] for c in curve])
      wanted = own[metric]
      cut += not errors[-1] <= wanted <= errors[0]
      needed = np.interp(-wanted, -errors, np.log(budgets))
      logs.append(needed - np.log(budget))
    if len(logs) > 1:
      found = np.exp(seeds.mean(np.array(logs)))
      yield results.Row(
        f"{task}: tokens of {right} per token of {left}",
        metric,
        *map(float, found),
        len(logs),
        {"budget": budget, "cut": cut},
      )


def _bought(claim: Claim, budget: int) -> int:
  """Tokens of the left side."""
  return round(claim.share * budget)


def _largest(cells: Cells, task: str, claim: Claim) -> int | None:
  found = []
  for (own, name, budget), by_seed in cells.items():
    if (own, name) == (task, claim.right):
      other = cells.get((task, claim.left, _bought(claim, budget)), {})
      if by_seed.keys() & other.keys():
        found.append(budget)
  return max(found, default=None)


def _rows(
  name: str, metric: str, pair: Sequence[np.ndarray], budget: int
) -> Iterator[results.Row]:
  cost = {"budget": budget}
  own = seeds.difference(*pair)
  yield results.Row(name, f"{metric} difference", *own, len(pair[0]), cost)
  if metric != "spearman" and min(side.min() for side in pair) > 0:
    own = np.exp(seeds.difference(*map(np.log, pair)))
    yield results.Row(
      *(name, f"{metric} ratio", *map(float, own), len(pair[0]), cost)
    )
