"""`--config.field=value`: text to a value of the field's own type.

`ml_collections.config_flags` reads these too, but not lists, takes any
element type in a tuple and `None` for any field, and tells a mistake in many
lines; here a wrong value is one line and never reaches the run.
"""

import ast
from typing import Any

import ml_collections

from prm_jax import errors
from prm_jax.cli import flags

_BOOLS = {"true": True, "1": True, "false": False, "0": False}


def apply(
  config: ml_collections.ConfigDict, field: str, text: str, *, source: str
) -> None:
  """Sets one field in place.

  A field is read as its own type. `None` is allowed where the field is None
  already or is a `config_dict.placeholder`; the elements of a list or tuple
  have to be of the kind that its first element has.

  Args:
    config: changed in place.
    field: dotted path such as `model.num_layers`.
    text: what stands behind the equals sign.
    source: the config's name, for the message.

  Raises:
    errors.UserError: no such field, a group of fields, a wrong value.
  """
  flag = f"--config.{field}={text}"
  *parents, name = field.split(".")
  group: Any = config
  for parent in parents:
    group = group[parent] if _has(group, parent) else None
  if not _has(group, name):
    hint = flags.suggestion(field, leaves(config), "--config.")
    raise errors.UserError(
      f"{flag}: config {source} has no field {field}{hint}"
    )
  current = group[name]
  if isinstance(current, ml_collections.ConfigDict):
    raise errors.UserError(
      f"{flag}: {field} is a group of fields ({', '.join(current)}); set one"
      f" of them, --config.{field}.{next(iter(current), 'FIELD')}=VALUE"
    )
  try:
    group[name] = _parse(text, current, group.get_type(name))
  except (ValueError, TypeError) as error:
    raise errors.UserError(f"{flag}: {error}") from None


def leaves(config: ml_collections.ConfigDict, prefix: str = "") -> list[str]:
  """Dotted paths of all fields that hold a value."""
  found = []
  for name in config:
    value = config[name]
    if isinstance(value, ml_collections.ConfigDict):
      found += leaves(value, f"{prefix}{name}.")
    else:
      found.append(prefix + name)
  return found


def _has(group: Any, name: str) -> bool:
  return isinstance(group, ml_collections.ConfigDict) and name in group


def _parse(text: str, current: Any, kind: type) -> Any:
  if current is None and text == "None":
    return None
  if kind is type(None):  # a bare None: nothing is known of the type
    return _literal(text, text)
  if kind is bool:
    return _bool(text)
  if kind is int:
    return _number(text, int, "an integer")
  if kind is float:
    return _number(text, float, "a number")
  if kind is str:
    return text
  if kind in (tuple, list):
    return kind(_sequence(text, current))
  raise ValueError(f"a field of type {kind.__name__} cannot be set from here")


def _bool(text: str) -> bool:
  if text.lower() not in _BOOLS:
    raise ValueError("has to be true or false")
  return _BOOLS[text.lower()]


def _number(text: str, kind: type, told: str) -> Any:
  try:
    value = kind(text)
  except ValueError:
    raise ValueError(f"has to be {told}") from None
  if value != value:
    raise ValueError("nan is no value for a config")
  return value


def _sequence(text: str, current: Any) -> list[Any]:
  """`1,2`, `(1, 2)`, `[1, 2]`, `a,b` or `()`, checked against `current`."""
  kind = type(current[0]) if current else None
  is_bare = not text.strip().startswith(("(", "["))
  value = _literal(text, None)
  if is_bare and (kind is str or (kind is None and value is None)):
    return [part.strip("'\" ") for part in text.split(",") if part.strip()]
  if value is None:
    raise ValueError("has to be a list such as 1,2 or (1, 2)")
  items = list(value) if isinstance(value, tuple | list) else [value]
  for index, item in enumerate(items):
    if kind is float and type(item) is int:
      items[index] = float(item)
    elif kind is not None and type(item) is not kind:
      raise ValueError(f"element {index} has to be {kind.__name__}")
  return items


def _literal(text: str, otherwise: Any) -> Any:
  try:
    return ast.literal_eval(text)
  except (ValueError, SyntaxError):
    return otherwise
