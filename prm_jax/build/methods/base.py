"""What every search method's config is."""

from collections.abc import Callable
from typing import Protocol, TypeAlias, runtime_checkable

from prm_jax import errors
from prm_jax.decode import step
from prm_jax.search import base

StepFactory: TypeAlias = step.StepFactory

# `(params, keys [B], root) -> SearchOutput`.
Run: TypeAlias = Callable[..., base.SearchOutput]


@runtime_checkable
class MethodConfig(Protocol):
  """Hyper-parameters of a method, checked; its fields are the config's."""

  @property
  def num_rows(self) -> int:
    """Rows of each problem in the root."""
    ...

  def bind(self, max_steps: int, steps: StepFactory) -> Run:
    """The search of solutions of at most `max_steps` steps."""
    ...


def at_least(where: str, value: int | float, least: int | float) -> None:
  """UserError unless `value >= least`; `where` is the field's whole name."""
  if not value >= least:
    raise errors.UserError(f"{where}: must be at least {least}, got {value}")


def positive(where: str, value: float) -> None:
  """UserError unless `value > 0`."""
  if not value > 0:
    raise errors.UserError(f"{where}: must be positive, got {value}")


def share(where: str, value: float) -> None:
  """UserError unless `value` is in [0, 1]."""
  if not 0 <= value <= 1:
    raise errors.UserError(f"{where}: must be in [0, 1], got {value}")


def divides(where: str, value: int, num_rows: int) -> None:
  """UserError unless `value` divides the rows."""
  at_least(where, value, 1)
  if num_rows % value:
    raise errors.UserError(
      f"search.num_rows: {num_rows} is not a multiple of {where} ({value})"
    )
