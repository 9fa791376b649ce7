"""Disk faults told to the user, and folders that appear whole or not at all."""

import contextlib
import errno
import os
import pathlib
import shutil
from collections.abc import Iterable, Iterator

from prm_jax import errors

# Beside the arrays: the index files of a checkpoint, and what else the run
# writes meanwhile.
_MARGIN = 2**20

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# The checkpoint library's storage layer passes the system's words on in
# exceptions of its own.
_FULL_TEXTS = tuple(os.strerror(code).lower() for code in _FULL)


def is_full(error: BaseException) -> bool:
  """Whether `error`, or what it was raised from, is a lack of space."""
  seen: set[int] = set()
  link: BaseException | None = error
  while link is not None and id(link) not in seen:
    seen.add(id(link))
    if isinstance(link, OSError) and link.errno in _FULL:
      return True
    if any(text in str(link).lower() for text in _FULL_TEXTS):
      return True
    link = link.__cause__ or link.__context__
  return False


def require_space(directory: pathlib.Path, num_bytes: int) -> None:
  """Raises OSError (no space) where `num_bytes` of arrays will not fit.

  A save that is refused beforehand leaves nothing half-written, and none of
  the storage layer's threads has a fault to report.
  """
  free = shutil.disk_usage(directory).free
  if num_bytes + _MARGIN > free:
    raise OSError(
      errno.ENOSPC, f"{num_bytes + _MARGIN:,} bytes needed, {free:,} are free"
    )


@contextlib.contextmanager
def told_when_full(what: str, kept: str = "") -> Iterator[None]:
  """Turns a full disk into a UserError that says what was not written."""
  try:
    yield
  except errors.UserError:
    raise
  except Exception as error:
    if not is_full(error):
      raise
    raise errors.UserError(
      f"{what}: no space left on the disk, or over quota{kept}"
    ) from error


def append(path: pathlib.Path, lines: Iterable[str]) -> None:
  """Adds lines, each without its end; a full disk is told as UserError."""
  told = told_when_full(f"{path}: cannot go on")
  with told, path.open("a", encoding="utf-8") as file:
    file.writelines(line + "\n" for line in lines)


@contextlib.contextmanager
def new_folder(
  path: pathlib.Path, is_primary: bool = True
) -> Iterator[pathlib.Path]:
  """A folder to fill, renamed to `path` at the end; replaces an old one.

  After an exception nothing is left of it, and `path` is as it was. Only the
  primary process makes and renames it; the others are told where it is.
  """
  draft = path.with_name(f"{path.name}.tmp")
  if not is_primary:
    yield draft
    return
  path.parent.mkdir(parents=True, exist_ok=True)
  old = path.with_name(f"{path.name}.old")
  if old.exists() and not path.exists():
    old.rename(path)  # killed between the two renames below
  for leftover in (draft, old):
    shutil.rmtree(leftover, ignore_errors=True)
  try:
    draft.mkdir()
    yield draft
    if path.exists():
      path.rename(old)
    draft.rename(path)
  finally:
    shutil.rmtree(draft, ignore_errors=True)
  shutil.rmtree(old, ignore_errors=True)
