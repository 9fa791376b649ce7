"""Files that are whole or absent: written beside, then renamed."""

import contextlib
import os
import pathlib
from collections.abc import Iterator

from prm_jax import errors


@contextlib.contextmanager
def replacing(path: str | os.PathLike) -> Iterator[pathlib.Path]:
  """Yields a temporary path that takes the place of `path` on success.

  On failure `path` is as it was and the temporary file is gone.

  Raises:
    UserError: the file system refuses (no space, no permission).
  """
  target = pathlib.Path(path)
  temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
  try:
    target.parent.mkdir(parents=True, exist_ok=True)
    yield temporary
    with open(temporary, "rb") as written:
      os.fsync(written.fileno())
    os.replace(temporary, target)
  except OSError as error:
    raise errors.UserError(f"{target}: cannot write: {error}") from error
  finally:
    with contextlib.suppress(OSError):
      temporary.unlink()
