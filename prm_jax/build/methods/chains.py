"""Chains of particle filters."""

import dataclasses
from collections.abc import Callable
from typing import Any

from prm_jax import errors
from prm_jax.build.methods import base, particles
from prm_jax.decode import marks
from prm_jax.search import base as search_base
from prm_jax.search import fk_steering, gibbs, resampling, tempering


@dataclasses.dataclass(frozen=True)
class ParticleGibbs(particles.Tilted):
  """See `search.gibbs`.

  Attributes:
    scheme: see `resampling.CONDITIONAL`.
    iterations: filters, one after the other.
    num_groups: chains, N / G rows each.
  """

  scheme: str = "multinomial"
  iterations: int = 4
  num_groups: int = 1

  def __post_init__(self):
    super().__post_init__()
    check_chains(self.num_rows, self.num_groups, self.iterations)
    resampling.conditional_by_name(self.scheme)

  def method(self) -> Callable[..., search_base.SearchOutput]:
    return gibbs.particle_gibbs

  def options(self, steps: base.StepFactory) -> dict[str, Any]:
    return (
      super().options(steps)
      | in_chains(self.scheme, self.iterations)
      | {"num_groups": self.num_groups}
    )


@dataclasses.dataclass(frozen=True)
class ParallelTempering(particles.Filter):
  """See `search.tempering`.

  Attributes:
    scheme: see `resampling.CONDITIONAL`.
    temperatures: of the chains, the one that is wanted last.
    iterations: filters, one after the other.
    potential: see `fk_steering.POTENTIALS`.
  """

  scheme: str = "multinomial"
  temperatures: tuple[float, ...] = (0.4, 0.2, 0.1, 0.05)
  iterations: int = 4
  potential: str = "difference"

  def __post_init__(self):
    super().__post_init__()
    if not self.temperatures or min(self.temperatures) <= 0:
      raise errors.UserError("search.temperatures: must be positive numbers")
    check_chains(self.num_rows, len(self.temperatures), self.iterations)
    resampling.conditional_by_name(self.scheme)
    fk_steering.by_name(self.potential)

  def method(self) -> Callable[..., search_base.SearchOutput]:
    return tempering.parallel_tempering

  def options(self, steps: base.StepFactory) -> dict[str, Any]:
    return (
      super().options(steps)
      | in_chains(self.scheme, self.iterations)
      | {"temperatures": self.temperatures, "potential": self.potential}
    )


def check_chains(num_rows: int, num_groups: int, iterations: int) -> None:
  """UserError unless every chain has a reference and a row to replace it."""
  base.at_least("search.iterations", iterations, 1)
  base.divides("the number of chains", num_groups, num_rows)
  if iterations > 1 and num_rows < 2 * num_groups:
    raise errors.UserError(
      f"search.num_rows: {num_rows} rows are fewer than two for each of "
      f"{num_groups} chains"
    )


def in_chains(scheme: str, iterations: int) -> dict[str, Any]:
  """What chains of filters take in place of one filter's arguments."""
  return {
    "scheme": scheme,
    "iterations": iterations,
    "snapshots": marks.SNAPSHOTS,
  }
