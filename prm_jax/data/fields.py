"""Values read from JSON, checked against the annotations of a dataclass."""

import dataclasses
import functools
import types
import typing
from collections.abc import Mapping
from typing import Any

import numpy as np

from prm_jax import errors

_NAMES = {
  str: "a string",
  int: "a whole number",
  float: "a number",
  bool: "true or false",
  types.NoneType: "null",
}


@dataclasses.dataclass(frozen=True)
class NoOptions:
  """The options of a method or reader that has none."""


@functools.cache
def hints_of(cls: type) -> dict[str, Any]:
  """The annotations of a class; finding them takes as long as a record."""
  return typing.get_type_hints(cls)


def decode(value: Any, hint: Any, field: str) -> Any:
  """The value as the annotation `hint` wants it (JSON lists become tuples).

  Args:
    value: what `json.loads` gave.
    hint: str, int, float, bool, None, a union or tuple of these, Literal,
      Mapping, Any, or a dataclass.
    field: name for the error, such as `rows[2].score`.

  Raises:
    UserError: the value has another type; names the field.
  """
  origin, args = typing.get_origin(hint), typing.get_args(hint)
  if hint is Any:
    return value
  if origin is typing.Literal:
    if value not in args:
      raise errors.UserError(f"{field}: {value!r} is none of {list(args)}")
    return value
  if origin in (types.UnionType, typing.Union):
    return _decode_union(value, args, field)
  if origin is tuple:
    if not isinstance(value, list | tuple):
      raise _wrong(value, "a list", field)
    return tuple(
      decode(item, args[0], f"{field}[{index}]")
      for index, item in enumerate(value)
    )
  if dataclasses.is_dataclass(hint):
    return decode_dataclass(value, typing.cast(type, hint), field)
  if origin is Mapping:
    if not isinstance(value, Mapping):
      raise _wrong(value, "an object", field)
    return dict(value)
  if hint is float and type(value) is int:
    return float(value)
  # bool is a subclass of int, and true is not a count.
  if type(value) is not hint:
    raise _wrong(value, _NAMES[hint], field)
  return value


def decode_dataclass(value: Any, cls: type, prefix: str = "") -> Any:
  """Builds `cls` from a JSON object; keys it does not know go to `extra`.

  A class without a field `extra` keeps them in `meta`.
  """
  if not isinstance(value, Mapping):
    raise _wrong(value, "an object", prefix or "line")
  hints = hints_of(cls)
  known = {f.name: f for f in dataclasses.fields(cls) if f.name != "extra"}
  path = f"{prefix}." if prefix else ""
  arguments: dict[str, Any] = {}
  for name, field in known.items():
    if name in value:
      arguments[name] = decode(value[name], hints[name], path + name)
    elif (
      field.default is dataclasses.MISSING
      and field.default_factory is dataclasses.MISSING
    ):
      raise errors.UserError(f"{path}{name}: missing")
  unknown = {name: value[name] for name in value if name not in known}
  if unknown:
    home = "extra" if "extra" in hints else "meta"
    arguments[home] = {**arguments.get(home, {}), **unknown}
  return cls(**arguments)


def encode(value: Any) -> Any:
  """JSON form of a record: default nulls left out, `extra` put back."""
  if dataclasses.is_dataclass(value):
    kept: dict[str, Any] = {}
    for field in dataclasses.fields(value):
      item = getattr(value, field.name)
      if field.name != "extra" and not (item is None and field.default is None):
        kept[field.name] = encode(item)
    return {**kept, **encode(getattr(value, "extra", {}))}
  if isinstance(value, Mapping):
    return {name: encode(item) for name, item in value.items()}
  if isinstance(value, list | tuple):
    return [encode(item) for item in value]
  if isinstance(value, np.ndarray | np.generic):
    return value.tolist()
  return value


def _decode_union(value: Any, options: tuple[Any, ...], field: str) -> Any:
  if value is None and types.NoneType in options:
    return None
  options = tuple(o for o in options if o is not types.NoneType)
  for option in options[:-1]:
    try:
      return decode(value, option, field)
    except errors.UserError:
      continue
  return decode(value, options[-1], field)


def _wrong(value: Any, wanted: str, field: str) -> errors.UserError:
  shown = repr(value)
  shown = shown if len(shown) <= 40 else shown[:37] + "..."
  return errors.UserError(f"{field}: must be {wanted}, got {shown}")
