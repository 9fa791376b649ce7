"""Methods that keep the best prefixes."""

import dataclasses
import functools

from prm_jax import errors
from prm_jax.build.methods import base
from prm_jax.decode import state
from prm_jax.search import aggregate, step_beam


@dataclasses.dataclass(frozen=True)
class StepBeam:
  """See `search.step_beam`.

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

  def bind(self, max_steps: int, steps: base.StepFactory) -> base.Run:
    return functools.partial(
      step_beam.step_beam,
      step_fn=steps(),
      take_fn=state.take,
      width=self.width,
      branch=self.num_rows // self.width,
      max_steps=max_steps,
      aggregate=aggregate.by_name(self.aggregate),
    )
