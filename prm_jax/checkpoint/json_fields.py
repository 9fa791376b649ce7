"""Fields of a JSON file that someone else wrote; errors name file and field."""

import json
import pathlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from prm_jax import errors


class Fields(NamedTuple):
  """The file's fields; errors name the file and the field."""

  values: Mapping[str, Any]
  where: str

  def fail(self, name: str, reason: str) -> errors.UserError:
    return errors.UserError(f"{self.where}: {name}: {reason}")

  def integer(self, name: str, default: int | None = None) -> int:
    value = self.values.get(name)
    value = default if value is None else value
    if value is None:
      raise self.fail(name, "missing")
    if not isinstance(value, int) or isinstance(value, bool):
      raise self.fail(name, f"{value!r} is not a whole number")
    return value

  def number(self, name: str, default: float | None = None) -> float:
    value = self.values.get(name)
    value = default if value is None else value
    if value is None:
      raise self.fail(name, "missing")
    if not isinstance(value, int | float) or isinstance(value, bool):
      raise self.fail(name, f"{value!r} is not a number")
    return float(value)

  def flag(self, name: str, default: bool) -> bool:
    value = self.values.get(name, default)
    if not isinstance(value, bool):
      raise self.fail(name, f"{value!r} is neither true nor false")
    return value

  def group(self, name: str) -> "Fields":
    value = self.values.get(name) or {}
    if not isinstance(value, Mapping):
      raise self.fail(name, f"{value!r} is not a group of fields")
    return Fields(value, f"{self.where}: {name}")


def read(path: pathlib.Path, hint: str) -> Fields:
  """The fields of a file.

  Args:
    path: of the file.
    hint: what to say where there is no such file.

  Raises:
    UserError: no such file, or not a JSON object.
  """
  try:
    found = json.loads(path.read_text())
  except OSError as error:
    raise errors.UserError(f"{path}: {error.strerror}; {hint}") from error
  except ValueError as error:
    raise errors.UserError(f"{path}: not JSON ({error})") from error
  if not isinstance(found, dict):
    raise errors.UserError(f"{path}: not a JSON object")
  return Fields(found, str(path))
