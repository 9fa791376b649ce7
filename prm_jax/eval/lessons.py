"""Does a process verifier judge the process? After arXiv 2501.07301.

A verifier that has drifted to grading answers puts its lowest score on the
last step, and passes solutions that are right for the wrong reasons. Scores
are n arrays [k] of step scores; solutions without a step are left out.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from prm_jax import errors
from prm_jax.eval import processbench
from prm_jax.search import aggregate

# Of the four, product and min suit verifiers of steps, last those of values.
AGGREGATES = ("min", "product", "mean", "last")


def check_rules(names: Sequence[str]) -> None:
  """UserError where there is none, or one that is not known."""
  if not names:
    raise errors.UserError("aggregates: names no rule")
  for name in names:
    aggregate.by_name(name)


def aggregated(
  rule: str, scores: processbench.StepScores
) -> Float[np.ndarray, "n"]:
  """One number per solution, in float64: rounding would make ties.

  Args:
    rule: of `aggregate.RULES`.
    scores: n of [k].

  Raises:
    errors.UserError: no such rule.
  """
  function = aggregate.by_name(rule)
  lengths = np.array([len(own) for own in scores], int)
  padded = np.zeros((len(scores), max([1, *lengths])))
  for row, own in zip(padded, scores, strict=True):
    row[: len(own)] = own
  with jax.enable_x64(True):
    found = function(jnp.asarray(padded), jnp.asarray(lengths))
  return np.asarray(found, float)


def minimum_at_last(scores: processbench.StepScores) -> Bool[np.ndarray, "n"]:
  """The lowest score is the last one's alone; ties go to the earlier step."""
  return np.array([int(np.argmin(s)) == len(s) - 1 for s in _some(scores)])


def by_chance(scores: processbench.StepScores) -> Float[np.ndarray, "n"]:
  """1 / K: how often that happens where the place is random."""
  return np.array([1 / len(s) for s in _some(scores)])


def position_matched(
  scores: processbench.StepScores, *, seed: int = 0, num_draws: int = 100
) -> float:
  """The share if a score depended on its position alone.

  Among solutions of equal length the scores of each position are dealt out
  anew. What `minimum_at_last` has above it comes from within solutions.
  """
  rng = np.random.default_rng(seed)
  groups: dict[int, list[np.ndarray]] = {}
  for own in _some(scores):
    groups.setdefault(len(own), []).append(own)
  tables = [np.stack(own) for own in groups.values()]
  hits = 0
  for _ in range(num_draws):
    for table in tables:
      dealt = rng.permuted(table, axis=0)
      hits += int(np.sum(np.argmin(dealt, axis=1) == table.shape[1] - 1))
  return hits / (num_draws * sum(map(len, tables)))


def disagreement(
  scores: processbench.StepScores, threshold: float
) -> Bool[np.ndarray, "n"]:
  """The last step says accept and some step says reject, or the other way.

  As the response is judged by its last score and the process by its lowest,
  only the first can be: accepted in the end with a step called wrong.
  """
  return np.array(
    [bool(s[-1] > threshold) != bool(np.min(s) > threshold) for s in scores]
  )


def _some(scores: processbench.StepScores) -> Sequence[np.ndarray]:
  found = [own for own in scores if len(own)]
  if not found:
    raise errors.UserError("scores: no solution has a step")
  return found
