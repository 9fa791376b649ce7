"""Methods that select nothing on the way."""

import dataclasses
import functools

from prm_jax.build.methods import base
from prm_jax.search import aggregate, best_of_n


@dataclasses.dataclass(frozen=True)
class BestOfN:
  """Plain sampling and the best by the verifier; one row cold: greedy.

  Attributes:
    num_rows: N, rows of a problem.
    aggregate: step scores to one score: see `search.aggregate`.
  """

  num_rows: int
  aggregate: str = "last"

  def __post_init__(self):
    base.at_least("search.num_rows", self.num_rows, 1)
    aggregate.by_name(self.aggregate)

  def bind(self, max_steps: int, steps: base.StepFactory) -> base.Run:
    return functools.partial(
      best_of_n.best_of_n,
      step_fn=steps(),
      run=steps.run,
      max_steps=max_steps,
      aggregate=aggregate.by_name(self.aggregate),
    )
