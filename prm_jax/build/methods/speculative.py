"""Methods of two policies: the solver's own one and its target."""

import dataclasses
import functools

from prm_jax.build.methods import base
from prm_jax.decode import pens, state
from prm_jax.search import aggregate, best_of_n
from prm_jax.search import speculative as speculative_lib


@dataclasses.dataclass(frozen=True)
class RewardGuided:
  """See `search.speculative.reward_guided`; the target is the large model.

  Attributes:
    num_rows: N, solutions written; the best of them is chosen.
    delta: drafts that the verifier gives less are written anew.
    weight: "threshold", or "score": keep drafts with the probability that
      the verifier gives them, whatever `delta`.
    aggregate: step scores to one score: see `search.aggregate`.
  """

  num_rows: int
  delta: float = 0.7
  weight: str = "threshold"
  aggregate: str = "last"

  def __post_init__(self):
    base.at_least("search.num_rows", self.num_rows, 1)
    speculative_lib.weight_by_name(self.weight, self.delta)
    aggregate.by_name(self.aggregate)

  def bind(self, max_steps: int, steps: base.StepFactory) -> base.Run:
    step_fn = speculative_lib.reward_guided(
      steps(),
      steps("target"),
      speculative_lib.weight_by_name(self.weight, self.delta),
      state.revert,
    )
    return functools.partial(
      best_of_n.best_of_n,
      step_fn=step_fn,
      run=steps.run,
      max_steps=max_steps,
      aggregate=aggregate.by_name(self.aggregate),
    )


@dataclasses.dataclass(frozen=True)
class Reverse:
  """See `decode.pens.reverse_law`; the target is the teacher.

  Attributes:
    num_rows: N, solutions written.
    threshold: probability that the policy, the student, must give to the
      teacher's tokens.
    aggregate: step scores to one score: see `search.aggregate`.
  """

  num_rows: int
  threshold: float = 0.01
  aggregate: str = "last"

  def __post_init__(self):
    base.at_least("search.num_rows", self.num_rows, 1)
    base.at_least("search.threshold", self.threshold, 0)
    aggregate.by_name(self.aggregate)

  def bind(self, max_steps: int, steps: base.StepFactory) -> base.Run:
    pen = pens.Reverse(steps.pen(), steps.pen("target"), self.threshold)
    return functools.partial(
      best_of_n.best_of_n,
      step_fn=steps.written_by(pen),
      run=steps.run,
      max_steps=max_steps,
      aggregate=aggregate.by_name(self.aggregate),
    )
