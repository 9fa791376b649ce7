"""Methods that weigh and resample rows."""

import dataclasses
import functools
from typing import Literal

from prm_jax.build.methods import base
from prm_jax.decode import state
from prm_jax.search import aggregate, particle, potentials, resampling


@dataclasses.dataclass(frozen=True)
class ParticleFilter:
  """See `search.particle`.

  Attributes:
    num_rows: N, rows of a problem.
    potential: see `search.potentials`.
    tau: temperature of the potential "odds".
    beta: strength of the potential "exponential".
    resample: when.
    ess_threshold: share of N below which "ess" resamples.
    scheme: see `search.resampling`.
    target: the law that is tilted.
    root_score: r_0 of the potential "difference".
    choose: the solution returned.
    aggregate: step scores to one score: see `search.aggregate`.
  """

  num_rows: int
  potential: str = "odds"
  tau: float = 1.0
  beta: float = 1.0
  resample: Literal["always", "ess", "never"] = "ess"
  ess_threshold: float = 0.5
  scheme: str = "systematic"
  target: Literal["sampler", "base"] = "sampler"
  root_score: float = 1.0
  choose: Literal["argmax", "sample"] = "argmax"
  aggregate: str = "last"

  def __post_init__(self):
    base.at_least("search.num_rows", self.num_rows, 1)
    potentials.by_name(self.potential)
    resampling.by_name(self.scheme)
    aggregate.by_name(self.aggregate)

  def bind(self, max_steps: int, steps: base.StepFactory) -> base.Run:
    return functools.partial(
      particle.particle_filter,
      step_fn=steps(),
      take_fn=state.take,
      run=steps.run,
      max_steps=max_steps,
      potential=self._potential(),
      resample=self.resample,
      ess_threshold=self.ess_threshold,
      scheme=resampling.by_name(self.scheme),
      target=self.target,
      root_score=self.root_score,
      choose=self.choose,
      aggregate=aggregate.by_name(self.aggregate),
    )

  def _potential(self) -> potentials.PotentialFn:
    if self.potential == "odds":
      return functools.partial(potentials.odds, tau=self.tau)
    if self.potential == "exponential":
      return functools.partial(potentials.exponential, beta=self.beta)
    return potentials.by_name(self.potential)
