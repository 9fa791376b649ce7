"""Methods that keep the best prefixes."""

import dataclasses
import functools
from typing import Literal

from prm_jax import errors
from prm_jax.build.methods import base
from prm_jax.decode import state
from prm_jax.search import aggregate, early_rejection, lookahead, ranking
from prm_jax.search import base as search_base
from prm_jax.search import sbs as sbs_lib
from prm_jax.search import step_beam as step_beam_lib
from prm_jax.search import token_beam as token_beam_lib


@dataclasses.dataclass(frozen=True)
class Beam:
  """What all beams have.

  Attributes:
    num_rows: N, rows of a problem.
    width: prefixes kept; N / width continuations of each.
    aggregate: step scores to one score: see `search.aggregate`.
  """

  num_rows: int
  width: int = 4
  aggregate: str = "last"

  def __post_init__(self):
    base.at_least("search.num_rows", self.num_rows, 1)
    if not 1 <= self.width <= self.num_rows:
      raise errors.UserError(
        f"search.width: {self.width} with {self.num_rows} rows"
      )
    base.divides("search.width", self.width, self.num_rows)
    aggregate.by_name(self.aggregate)

  @property
  def branch(self) -> int:
    return self.num_rows // self.width


@dataclasses.dataclass(frozen=True)
class StepBeam(Beam):
  """See `search.step_beam`; with a value model the beam of OVM and TVM.

  Their K samples of which b are kept (arXiv 2311.09724, 2407.12863) are
  `num_rows` and `width`: 20 and 4 by default there.

  Attributes:
    num_rows: N, rows of a problem.
    width: prefixes kept; N / width continuations of each.
    aggregate: step scores to one score: see `search.aggregate`.
    lookahead: further steps, written greedily, that judge a step.
    judge: by the score of the "last" of them, or "corrected" by the gains on
      the way (ReARTeR's).
    finished: whether finished rows compete for their places again.
    distinct: rank repeated texts behind different ones.
  """

  lookahead: int = 0
  judge: str = "last"
  finished: Literal["compete", "stay"] = "compete"
  distinct: bool = False

  def __post_init__(self):
    super().__post_init__()
    base.at_least("search.lookahead", self.lookahead, 0)
    lookahead.judge_by_name(self.judge)

  def bind(self, max_steps: int, steps: base.StepFactory) -> base.Run:
    return functools.partial(
      step_beam_lib.step_beam,
      step_fn=looking_ahead(steps, self.lookahead, self.judge),
      take_fn=state.take,
      run=steps.run,
      width=self.width,
      branch=self.branch,
      max_steps=max_steps,
      aggregate=aggregate.by_name(self.aggregate),
      finished=self.finished,
      same_fn=_same_fn(self.distinct),
    )


@dataclasses.dataclass(frozen=True)
class TokenBeam(Beam):
  """`search.step_beam` with steps of one token.

  Attributes:
    num_rows: N, rows of a problem.
    width: prefixes kept; N / width sampled continuations of each.
    aggregate: step scores to one score: see `search.aggregate`.
    rank: by the verifier, or by the policy's log-probability (then
      `aggregate` is "sum" or "mean").
    distinct: rank repeated texts behind different ones.
  """

  rank: Literal["verifier", "log_prob"] = "verifier"
  distinct: bool = True

  def __post_init__(self):
    super().__post_init__()
    if self.rank == "log_prob" and self.aggregate not in ("sum", "mean"):
      raise errors.UserError(
        "search.aggregate: log-probabilities of tokens have a sum or a mean, "
        f"not {self.aggregate!r}"
      )

  def bind(self, max_steps: int, steps: base.StepFactory) -> base.Run:
    step_fn = steps(max_step_tokens=1)
    if self.rank == "log_prob":
      step_fn = token_beam_lib.log_likelihood(step_fn)
    return functools.partial(
      step_beam_lib.step_beam,
      step_fn=step_fn,
      take_fn=state.take,
      run=steps.run,
      width=self.width,
      branch=self.branch,
      max_steps=max_steps * steps.step_format.max_step_tokens,
      aggregate=aggregate.by_name(self.aggregate),
      same_fn=_same_fn(self.distinct),
    )


@dataclasses.dataclass(frozen=True)
class SBS(Beam):
  """See `search.sbs`.

  Attributes:
    num_rows: B1 x B2, rows of a problem.
    width: B1, prefixes and answers kept.
    aggregate: step scores to one score: see `search.aggregate`.
    distinct: rank repeated texts behind different ones.
  """

  width: int = 1
  distinct: bool = True

  def bind(self, max_steps: int, steps: base.StepFactory) -> base.Run:
    return functools.partial(
      sbs_lib.sbs,
      step_fn=steps(),
      take_fn=state.take,
      width=self.width,
      branch=self.branch,
      max_steps=max_steps,
      aggregate=aggregate.by_name(self.aggregate),
      same_fn=_same_fn(self.distinct),
    )


@dataclasses.dataclass(frozen=True)
class EarlyRejection(Beam):
  """See `search.early_rejection`; `step_beam` where steps are no longer.

  Attributes:
    num_rows: N, rows of a problem.
    width: prefixes kept; N / width continuations of each.
    aggregate: step scores to one score: see `search.aggregate`.
    tau: tokens of a step after which rows are kept or given up.
    rank: the score of a finished step.
  """

  tau: int = 64
  rank: Literal["whole", "partial"] = "whole"

  def __post_init__(self):
    super().__post_init__()
    base.at_least("search.tau", self.tau, 1)

  def bind(self, max_steps: int, steps: base.StepFactory) -> base.Run:
    rest = steps.step_format.max_step_tokens - self.tau
    if rest < 1:
      same = StepBeam(self.num_rows, self.width, self.aggregate)
      return same.bind(max_steps, steps)
    return functools.partial(
      early_rejection.early_rejection,
      begin_fn=steps(max_step_tokens=self.tau),
      finish_fn=steps(max_step_tokens=rest, resumes=True),
      take_fn=state.take,
      width=self.width,
      branch=self.branch,
      max_steps=max_steps,
      aggregate=aggregate.by_name(self.aggregate),
      rank=self.rank,
    )


def looking_ahead(
  steps: base.StepFactory, depth: int, judge: str
) -> search_base.StepFn:
  """Steps judged after `depth` greedy ones, whose iterations count."""
  return lookahead.lookahead(
    steps(),
    steps(temperature=0.0),
    depth,
    return_fn=state.unroll,
    judge_fn=lookahead.judge_by_name(judge),
  )


def _same_fn(distinct: bool) -> ranking.SameFn | None:
  return state.same_text if distinct else None
