"""Methods that weigh and resample rows."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, Literal

from prm_jax import errors
from prm_jax.build.methods import base
from prm_jax.decode import state
from prm_jax.search import (
  aggregate,
  entropic,
  fk_steering,
  particle,
  potentials,
  power_smc,
  resampling,
  twisted_smc,
)
from prm_jax.search import base as search_base


@dataclasses.dataclass(frozen=True)
class Filter:
  """What all particle methods have.

  Attributes:
    num_rows: N, rows of a problem.
    resample: when.
    ess_threshold: share of N below which "ess" resamples.
    scheme: see `search.resampling`.
    target: the law that is tilted.
    choose: the solution returned.
    aggregate: step scores to one score: see `search.aggregate`.
  """

  num_rows: int
  resample: Literal["always", "ess", "never"] = "ess"
  ess_threshold: float = 0.5
  scheme: str = "systematic"
  target: Literal["sampler", "base"] = "sampler"
  choose: Literal["argmax", "sample"] = "argmax"
  aggregate: str = "last"

  def __post_init__(self):
    base.at_least("search.num_rows", self.num_rows, 1)
    base.at_least("search.ess_threshold", self.ess_threshold, 0)
    resampling.by_name(self.scheme)
    aggregate.by_name(self.aggregate)

  def bind(self, max_steps: int, steps: base.StepFactory) -> base.Run:
    self.refuse_cold(steps)
    return functools.partial(
      self.method(),
      step_fn=steps(),
      take_fn=state.take,
      max_steps=max_steps,
      **self.options(steps),
    )

  def method(self) -> Callable[..., search_base.SearchOutput]:
    """The search function."""
    return particle.particle_filter

  def options(self, steps: base.StepFactory) -> dict[str, Any]:
    """Its keyword arguments."""
    return {
      "run": steps.run,
      "resample": self.resample,
      "ess_threshold": self.ess_threshold,
      "scheme": resampling.by_name(self.scheme),
      "target": self.target,
      "choose": self.choose,
      "aggregate": aggregate.by_name(self.aggregate),
    }

  def refuse_cold(self, steps: base.StepFactory) -> None:
    """UserError: without chance all rows are one, whatever their weights."""
    if steps.sampler.temperature == 0 and self.num_rows > 1:
      raise errors.UserError(
        "sampler.temperature: 0 makes all rows of a problem the same, there "
        "is nothing to resample"
      )


@dataclasses.dataclass(frozen=True)
class Tilted(Filter):
  """Filters with a potential of `search.potentials`.

  Attributes:
    potential: see `search.potentials`.
    tau: temperature of the potential "odds".
    beta: strength of the potential "exponential".
    root_score: r_0 of the potential "difference".
  """

  potential: str = "odds"
  tau: float = 1.0
  beta: float = 1.0
  root_score: float = 1.0

  def __post_init__(self):
    super().__post_init__()
    base.positive("search.tau", self.tau)
    potentials.by_name(self.potential)

  def options(self, steps: base.StepFactory) -> dict[str, Any]:
    own = {"potential": self._potential(), "root_score": self.root_score}
    return super().options(steps) | own

  def _potential(self) -> potentials.PotentialFn:
    if self.potential == "odds":
      return functools.partial(potentials.odds, tau=self.tau)
    if self.potential == "exponential":
      return functools.partial(potentials.exponential, beta=self.beta)
    return potentials.by_name(self.potential)


@dataclasses.dataclass(frozen=True)
class ParticleFilter(Tilted):
  """See `search.particle`."""


@dataclasses.dataclass(frozen=True)
class EntropicParticleFilter(Tilted):
  """See `search.entropic`.

  Attributes:
    anneal: see `entropic.TEMPERATURES`.
    size_threshold: share of N below which draws are flattened.
    progress_threshold: share of the step budget up to which they are.
    correct_weights: keep the weights that a flat draw leaves.
  """

  resample: Literal["always", "ess", "never"] = "always"
  anneal: str = "ess"
  size_threshold: float = 0.5
  progress_threshold: float = 0.5
  correct_weights: bool = False

  def __post_init__(self):
    super().__post_init__()
    entropic.anneal_by_name(self.anneal)

  def method(self) -> Callable[..., search_base.SearchOutput]:
    return entropic.entropic_particle_filter

  def options(self, steps: base.StepFactory) -> dict[str, Any]:
    names = "anneal", "size_threshold", "progress_threshold", "correct_weights"
    return super().options(steps) | {x: getattr(self, x) for x in names}


@dataclasses.dataclass(frozen=True)
class FKSteering(Filter):
  """See `search.fk_steering`.

  Attributes:
    strength: lambda, of the reward.
    potential: see `fk_steering.POTENTIALS`.
    every: steps from one resampling to the next at least.
  """

  strength: float = 10.0
  potential: str = "difference"
  every: int = 1

  def __post_init__(self):
    super().__post_init__()
    fk_steering.by_name(self.potential)
    base.at_least("search.every", self.every, 1)

  def method(self) -> Callable[..., search_base.SearchOutput]:
    return fk_steering.fk_steering

  def options(self, steps: base.StepFactory) -> dict[str, Any]:
    return super().options(steps) | {
      "strength": self.strength,
      "potential": self.potential,
      "limits": particle.Limits(every=self.every),
    }


@dataclasses.dataclass(frozen=True)
class TwistedSMC(Filter):
  """See `search.twisted_smc`; the scores are the learned twist.

  Attributes:
    power: of the score.
    warm_up: steps behind which nothing is resampled yet.
    max_resamplings: of a problem; 0: any number.
  """

  scheme: str = "stratified"
  power: float = 0.5
  warm_up: int = 1
  max_resamplings: int = 10

  def __post_init__(self):
    super().__post_init__()
    base.at_least("search.power", self.power, 0)
    base.at_least("search.warm_up", self.warm_up, 0)
    base.at_least("search.max_resamplings", self.max_resamplings, 0)

  def method(self) -> Callable[..., search_base.SearchOutput]:
    return twisted_smc.twisted_smc

  def options(self, steps: base.StepFactory) -> dict[str, Any]:
    limits = particle.Limits(
      warm_up=self.warm_up, most=self.max_resamplings or None
    )
    return super().options(steps) | {"power": self.power, "limits": limits}


@dataclasses.dataclass(frozen=True)
class PowerSMC(Filter):
  """See `search.power_smc`; the sampler's temperature is set to 1 / alpha.

  Attributes:
    alpha: the exponent of the policy.
    ramp: steps in which it is reached.
  """

  choose: Literal["argmax", "sample"] = "sample"
  alpha: float = 4.0
  ramp: int = 1

  def __post_init__(self):
    super().__post_init__()
    base.at_least("search.alpha", self.alpha, 1)
    base.at_least("search.ramp", self.ramp, 1)
    if self.target != "sampler":
      raise errors.UserError(
        "search.target: the policy's own law is always the one that is "
        "sharpened, leave it at 'sampler'"
      )

  def bind(self, max_steps: int, steps: base.StepFactory) -> base.Run:
    return functools.partial(
      power_smc.power_smc,
      step_fn=steps(temperature=1 / self.alpha),
      take_fn=state.take,
      max_steps=max_steps,
      alpha=self.alpha,
      ramp=self.ramp,
      **self.options(steps),
    )
