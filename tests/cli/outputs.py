"""What a run left behind, in a form to compare."""

import pathlib

from prm_jax.cli import workdir as workdir_lib
from prm_jax.train import writers


def curve(path: pathlib.Path) -> list[dict]:
  """The rows of a `metrics.jsonl` without the times."""
  return [
    {k: v for k, v in row.items() if not k.startswith("time/")}
    for row in writers.read(path)
  ]


def snapshot(path: pathlib.Path) -> dict[str, tuple[bytes, int]]:
  """Content and time of change of every file but the lock, by name."""
  return {
    str(p.relative_to(path)): (p.read_bytes(), p.stat().st_mtime_ns)
    for p in sorted(path.rglob("*"))
    if p.is_file() and p.name != workdir_lib.LOCK
  }
