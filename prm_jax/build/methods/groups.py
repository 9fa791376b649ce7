"""Methods whose rows are groups, or share out what others leave."""

import dataclasses
import functools
from typing import Literal

from prm_jax.build.methods import base, beams
from prm_jax.decode import state
from prm_jax.search import aggregate, lookahead, resampling
from prm_jax.search import dvts as dvts_lib
from prm_jax.search import rebase as rebase_lib
from prm_jax.search import svdd as svdd_lib


@dataclasses.dataclass(frozen=True)
class DVTS:
  """See `search.dvts`.

  Attributes:
    num_rows: N, rows of a problem.
    branch: M, candidates of each of the N / M subtrees.
    lookahead: further steps, written greedily, that judge a candidate.
    judge: see `beams.StepBeam`.
    aggregate: step scores to one score: see `search.aggregate`.
  """

  num_rows: int
  branch: int = 4
  lookahead: int = 0
  judge: str = "last"
  aggregate: str = "last"

  def __post_init__(self):
    base.at_least("search.num_rows", self.num_rows, 1)
    base.divides("search.branch", self.branch, self.num_rows)
    base.at_least("search.lookahead", self.lookahead, 0)
    lookahead.judge_by_name(self.judge)
    aggregate.by_name(self.aggregate)

  def bind(self, max_steps: int, steps: base.StepFactory) -> base.Run:
    return functools.partial(
      dvts_lib.dvts,
      step_fn=beams.looking_ahead(steps, self.lookahead, self.judge),
      take_fn=state.take,
      run=steps.run,
      num_groups=self.num_rows // self.branch,
      branch=self.branch,
      max_steps=max_steps,
      aggregate=aggregate.by_name(self.aggregate),
    )


@dataclasses.dataclass(frozen=True)
class Rebase:
  """See `search.rebase`.

  Attributes:
    num_rows: N, the initial width.
    tau: T_b, temperature of the softmax of scores.
    aggregate: step scores to one score: see `search.aggregate`.
  """

  num_rows: int
  tau: float = 0.2
  aggregate: str = "last"

  def __post_init__(self):
    base.at_least("search.num_rows", self.num_rows, 1)
    base.positive("search.tau", self.tau)
    aggregate.by_name(self.aggregate)

  def bind(self, max_steps: int, steps: base.StepFactory) -> base.Run:
    return functools.partial(
      rebase_lib.rebase,
      step_fn=steps(),
      take_fn=state.take,
      run=steps.run,
      temperature=self.tau,
      max_steps=max_steps,
      aggregate=aggregate.by_name(self.aggregate),
    )


@dataclasses.dataclass(frozen=True)
class SVDD:
  """See `search.svdd`.

  Attributes:
    num_rows: N x M, samples times candidates.
    branch: M, candidates of each sample.
    alpha: temperature of the value.
    value: what the scores are to it: see `search.svdd.VALUES`.
    resample: "always" is SVDD-R.
    scheme: of SVDD-R: see `search.resampling`.
    aggregate: step scores to one score: see `search.aggregate`.
  """

  num_rows: int
  branch: int = 10
  alpha: float = 0.05
  value: str = "score"
  resample: Literal["never", "always"] = "never"
  scheme: str = "multinomial"
  aggregate: str = "last"

  def __post_init__(self):
    base.at_least("search.num_rows", self.num_rows, 1)
    base.divides("search.branch", self.branch, self.num_rows)
    base.positive("search.alpha", self.alpha)
    svdd_lib.value_by_name(self.value)
    resampling.by_name(self.scheme)
    aggregate.by_name(self.aggregate)

  def bind(self, max_steps: int, steps: base.StepFactory) -> base.Run:
    scheme = resampling.by_name(self.scheme)
    return functools.partial(
      svdd_lib.svdd,
      step_fn=steps(),
      take_fn=state.take,
      run=steps.run,
      branch=self.branch,
      alpha=self.alpha,
      max_steps=max_steps,
      value_fn=svdd_lib.value_by_name(self.value),
      resample=scheme if self.resample == "always" else None,
      aggregate=aggregate.by_name(self.aggregate),
    )
