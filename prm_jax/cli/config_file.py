"""Finds and loads `--config FILE[:ARG]`; a mistake becomes one line."""

import importlib.util
import inspect
import os
import pathlib
import traceback
from collections.abc import Callable, Sequence

import ml_collections

from prm_jax import configs, errors
from prm_jax.cli import flags, overrides

SHIPPED = pathlib.Path(configs.__file__).parent


def load(
  spec: str, changes: Sequence[tuple[str, str]] = ()
) -> ml_collections.ConfigDict:
  """Loads a config, applies the overrides in order and locks it.

  Args:
    spec: `NAME`, `NAME:ARG`, `path/to/file.py` or `path/to/file.py:ARG`;
      the part after the colon goes to `get_config`.
    changes: pairs of a dotted field and the text it is set to.

  Raises:
    errors.UserError: no such file, a file that does not run or returns no
      ConfigDict, an unknown field, text that does not fit the field's type.
  """
  path, arg = locate(spec)
  config = _call(_read_get_config(path), path, arg)
  config.lock()
  for field, text in changes:
    overrides.apply(config, field, text, source=spec)
  return config


def names() -> list[str]:
  """Names of the configs that come with the package."""
  # The others hold what several of them share.
  entry = "def get_config("
  return sorted(p.stem for p in SHIPPED.glob("*.py") if entry in p.read_text())


def locate(spec: str) -> tuple[pathlib.Path, str | None]:
  """Splits `FILE:ARG` and finds the file."""
  if spec.endswith(".py"):
    name, arg = spec, None
  elif ".py:" in spec:
    stem, _, arg = spec.rpartition(".py:")
    name = stem + ".py"
  else:
    name, colon, rest = spec.partition(":")
    arg = rest if colon else None
  if name.endswith(".py") or os.sep in name:
    path = pathlib.Path(name).expanduser()
    known = path.stem
  else:
    path = SHIPPED / f"{name}.py"
    known = name
  if path.is_file():
    return path, arg
  what = "is not a file" if path.exists() else "not found"
  hint = flags.suggestion(known, names(), "--config ")
  raise errors.UserError(
    f"config {name!r} {what}{hint} (by name: {', '.join(names())})"
  )


def _read_get_config(path: pathlib.Path) -> Callable:
  found = importlib.util.spec_from_file_location(path.stem, path)
  if found is None or found.loader is None:
    raise errors.UserError(f"config {path} is not a Python file")
  module = importlib.util.module_from_spec(found)
  try:
    found.loader.exec_module(module)
  except (Exception, SystemExit) as error:
    raise errors.UserError(_describe(path, error)) from error
  get_config = getattr(module, "get_config", None)
  if not callable(get_config):
    raise errors.UserError(f"config {path} has no function get_config")
  return get_config


def _call(
  get_config: Callable, path: pathlib.Path, arg: str | None
) -> ml_collections.ConfigDict:
  arguments = () if arg is None else (arg,)
  try:
    inspect.signature(get_config).bind(*arguments)
  except TypeError:
    told = "needs an argument, FILE:ARG" if arg is None else "takes no :ARG"
    raise errors.UserError(f"config {path} {told}") from None
  try:
    config = get_config(*arguments)
  except errors.UserError:
    raise
  except (Exception, SystemExit) as error:
    told = "" if arg is None else f" for the argument {arg!r}"
    raise errors.UserError(_describe(path, error) + told) from error
  if not isinstance(config, ml_collections.ConfigDict):
    raise errors.UserError(
      f"config {path}: get_config returned {type(config).__name__}, not a"
      " ConfigDict"
    )
  return config


def _describe(path: pathlib.Path, error: BaseException) -> str:
  """Names the file's own line, which the traceback would have shown."""
  if isinstance(error, SyntaxError):
    return f"config {path} line {error.lineno}: {error.msg}"
  frames = traceback.extract_tb(error.__traceback__)
  lines = [f.lineno for f in frames if f.filename == str(path)]
  where = f" line {lines[-1]}" if lines else ""
  told = " ".join(str(error).split())
  return f"config {path}{where}: {type(error).__name__}: {told}"
