"""What changing a problem costs: accuracy on seeds less that on variants.

For sets such as ASyMOB (arXiv 2505.23851), in which seed problems are
rewritten in several ways, or RIMO (arXiv 2509.07711). The comparison is
paired: a seed's variants of one kind are one number, compared with the seed
itself, and seeds are what is resampled.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from prm_jax import errors
from prm_jax.eval import bootstrap


class Drop(NamedTuple):
  """Of one kind of variant."""

  seed_accuracy: bootstrap.Interval
  accuracy: bootstrap.Interval  # mean over seeds of the mean over variants
  drop: bootstrap.Comparison  # of the accuracy; positive: variants are harder
  num_seeds: int
  num_variants: int


def drops(
  seeds: Mapping[str, bool],
  variants: Sequence[tuple[str, str, bool]],
  *,
  seed: int = 0,
  num_resamples: int = bootstrap.NUM_RESAMPLES,
) -> dict[str, Drop]:
  """By kind of variant, in order of appearance.

  Args:
    seeds: whether each seed problem was solved, by id.
    variants: (seed id, kind, solved).
    seed: of the bootstrap.
    num_resamples: of the bootstrap.

  Raises:
    errors.UserError: a variant of a seed that was not posed.
  """
  solved: dict[str, dict[str, list[bool]]] = {}
  for origin, kind, correct in variants:
    if origin not in seeds:
      raise errors.UserError(f"variant of seed {origin!r}, which is not there")
    solved.setdefault(kind, {}).setdefault(origin, []).append(correct)
  found = {}
  drawn = {"seed": seed, "num_resamples": num_resamples}
  for kind, own in solved.items():
    before = np.array([seeds[origin] for origin in own], float)
    after = np.array([np.mean(answers) for answers in own.values()])
    found[kind] = Drop(
      bootstrap.accuracy(before, **drawn),
      bootstrap.accuracy(after, **drawn),
      bootstrap.difference(before, after, **drawn),
      len(own),
      sum(map(len, own.values())),
    )
  return found
