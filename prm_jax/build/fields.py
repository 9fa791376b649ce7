"""One group of config fields to one frozen dataclass."""

import dataclasses
from collections.abc import Mapping
from typing import (
  Any,
  Literal,
  TypeVar,
  cast,
  get_args,
  get_origin,
  get_type_hints,
)

from prm_jax import errors

DataclassT = TypeVar("DataclassT")


def dataclass(
  cls: type[DataclassT], values: Mapping[str, Any], where: str
) -> DataclassT:
  """An instance of `cls`; lists become tuples.

  Args:
    cls: a dataclass; its `Literal` annotations are checked.
    values: by field.
    where: name of the group, for messages.

  Raises:
    UserError: names a field that `cls` does not have, one that is missing, or
      a value that is none of a field's literals.
  """
  known = {f.name: f for f in dataclasses.fields(cast(Any, cls))}
  for name in values:
    if name not in known:
      raise errors.UserError(
        f"{where}.{name}: no such field, expected {', '.join(known)}"
      )
  hints = get_type_hints(cls)
  for name, field in known.items():
    if name in values:
      _check_literal(hints[name], values[name], f"{where}.{name}")
    elif (
      field.default is dataclasses.MISSING
      and field.default_factory is dataclasses.MISSING
    ):
      raise errors.UserError(f"{where}.{name}: missing")
  as_tuple = lambda value: tuple(value) if isinstance(value, list) else value
  return cls(**{name: as_tuple(value) for name, value in values.items()})


def _check_literal(hint: Any, value: Any, where: str) -> None:
  allowed = get_args(hint)
  if get_origin(hint) is Literal and value not in allowed:
    raise errors.UserError(
      f"{where}: {value!r} is not one of {', '.join(map(repr, allowed))}"
    )
