"""A work directory belongs to one config and, while it runs, to one process.

`config.json` says whose it is: a run that comes back with the same config
resumes, any other is turned away before it touches a file. The lock is a
POSIX record lock: it goes with the process however that ends, and worker
processes forked from it do not inherit it (a `flock` would live on in them
after `kill -9`).
"""

import contextlib
import fcntl
import json
import os
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from prm_jax import errors
from prm_jax.data import atomic

RECORD = "config.json"
LOCK = ".lock"

# Record locks do not keep a process from locking twice.
_held: set[pathlib.Path] = set()


@contextlib.contextmanager
def claim(
  path: pathlib.Path | str,
  record: Mapping[str, Any],
  *,
  volatile: Sequence[str] = (),
) -> Iterator[pathlib.Path]:
  """Holds the directory, made where absent, for the run that `record` tells.

  The first run writes the record as `config.json`; a later one has to bring
  the same record, apart from the volatile fields, whose new values are
  written. Where a run ends in a UserError before it has left anything in a
  new directory, the record goes too: corrected, the command may come back.

  Args:
    path: the work directory.
    record: nested mappings of JSON values, e.g. {"command": ..., "config":
      ...}; tuples count as lists.
    volatile: dotted fields of the record that may change between runs; a
      group stands for all fields in it.

  Raises:
    errors.UserError: another record, a directory that cannot be made, written
      or locked, a `config.json` that cannot be read.
  """
  path = pathlib.Path(path).expanduser()
  new = _to_json(record, path / RECORD)
  with hold(path):
    old = _read(path / RECORD)
    if old is not None:
      _compare(old, new, volatile, path)
    if old != new:
      _write(path / RECORD, new)
    try:
      yield path
    except errors.UserError:
      if old is None and {p.name for p in path.iterdir()} <= {RECORD, LOCK}:
        (path / RECORD).unlink()
      raise


@contextlib.contextmanager
def hold(path: pathlib.Path | str) -> Iterator[pathlib.Path]:
  """Makes and locks the directory, whosever config it was made for.

  Raises:
    errors.UserError: the directory cannot be made, written or locked.
  """
  path = pathlib.Path(path).expanduser()
  _make(path)
  key = path.resolve()
  if key in _held:
    raise errors.UserError(f"workdir {path} is in use by this process")
  lock = _lock(path)
  _held.add(key)
  try:
    yield path
  finally:
    _held.discard(key)
    os.close(lock)


def _make(path: pathlib.Path) -> None:
  try:
    path.mkdir(parents=True, exist_ok=True)
  except (FileExistsError, NotADirectoryError):
    raise errors.UserError(f"workdir {path} is not a directory") from None
  except OSError as error:
    raise errors.UserError(
      f"workdir {path} cannot be made: {error.strerror}"
    ) from None


def _lock(path: pathlib.Path) -> int:
  """Locks `path/.lock` and leaves our process id there for the next to read."""
  try:
    lock = os.open(path / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
  except OSError as error:
    raise errors.UserError(
      f"workdir {path} cannot be written: {error.strerror}"
    ) from None
  try:
    fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.ftruncate(lock, 0)
    os.pwrite(lock, str(os.getpid()).encode(), 0)
  except BlockingIOError:
    owner = os.pread(lock, 32, 0).decode(errors="replace") or "unknown"
    os.close(lock)
    raise errors.UserError(
      f"workdir {path} is in use by another run (process {owner})"
    ) from None
  except OSError as error:
    os.close(lock)
    raise errors.UserError(
      f"workdir {path} cannot be locked: {error.strerror}"
    ) from None
  return lock


def _to_json(record: Mapping[str, Any], path: pathlib.Path) -> Any:
  """The record as it will be read back, so that the two can be compared."""
  for field, value in _flatten(record).items():
    try:
      json.dumps(value)
    except (TypeError, ValueError) as error:
      raise errors.UserError(f"{path}: {field}: {error}") from None
  return json.loads(json.dumps(record))


def _read(path: pathlib.Path) -> Any:
  try:
    return json.loads(path.read_text())
  except FileNotFoundError:
    return None
  except OSError as error:
    raise errors.UserError(f"{path} cannot be read: {error.strerror}") from None
  except ValueError:
    raise errors.UserError(
      f"{path} is not valid JSON; this does not look like a work directory"
    ) from None


def _write(path: pathlib.Path, record: Any) -> None:
  with atomic.replacing(path) as temporary:
    temporary.write_text(json.dumps(record, indent=2) + "\n")


def _compare(
  old: Any, new: Any, volatile: Sequence[str], path: pathlib.Path
) -> None:
  """Raises for the first field, in the new record's order, that differs."""
  before, now = _flatten(old), _flatten(new)
  for field in list(now) + [f for f in before if f not in now]:
    if any(field == v or field.startswith(f"{v}.") for v in volatile):
      continue
    was = json.dumps(before[field]) if field in before else "absent"
    is_now = json.dumps(now[field]) if field in now else "absent"
    if was != is_now:
      raise errors.UserError(
        f"workdir {path} belongs to another run: {field} is {was} in its"
        f" {RECORD} and {is_now} now; use another --workdir"
      )


def _flatten(record: Any, prefix: str = "") -> dict[str, Any]:
  """{"config.model.width": 64, ...}; an empty group counts as a value."""
  if not isinstance(record, Mapping) or not record:
    return {prefix.removesuffix("."): record}
  flat: dict[str, Any] = {}
  for name, value in record.items():
    flat |= _flatten(value, f"{prefix}{name}.")
  return flat
