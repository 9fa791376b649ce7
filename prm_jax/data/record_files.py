"""Record files: JSON lines or array_record, whole or in shards."""

import dataclasses
import os
import pathlib
import re
from collections.abc import Iterable, Iterator
from typing import Any, Generic, TypeVar

from absl import logging
from array_record.python import array_record_module

from prm_jax import errors
from prm_jax.data import atomic, records

RecordT = TypeVar("RecordT")
Path = str | os.PathLike

JSON_LINES = ".jsonl"
ARRAY_RECORD = ".array_record"


@dataclasses.dataclass(frozen=True)
class Read(Generic[RecordT]):
  """What a file held: the good records and one message per bad one."""

  records: list[RecordT]
  bad: list[str]


def shard_path(path: Path, index: int, count: int) -> pathlib.Path:
  """`a.jsonl` -> `a-00001-of-00004.jsonl`; `path` itself if count is 1."""
  whole = pathlib.Path(path)
  if count == 1:
    return whole
  return whole.with_name(
    f"{whole.stem}-{index:05d}-of-{count:05d}{whole.suffix}"
  )


def shard_paths(path: Path) -> list[pathlib.Path]:
  """The file itself, or all its shards.

  Raises:
    UserError: neither is there, or a shard is missing.
  """
  whole = pathlib.Path(path)
  if whole.is_file():
    return [whole]
  pattern = re.compile(
    re.escape(whole.stem) + r"-\d{5}-of-(\d{5})" + re.escape(whole.suffix)
  )
  siblings = whole.parent.iterdir() if whole.parent.is_dir() else iter(())
  matches = [m for f in siblings if (m := pattern.fullmatch(f.name))]
  if not matches:
    raise errors.UserError(f"{whole}: no such file, nor shards of it")
  counts = {int(m[1]) for m in matches}
  if len(counts) > 1:
    raise errors.UserError(f"{whole}: shards of {sorted(counts)} are mixed")
  count = counts.pop()
  paths = [shard_path(whole, i, count) for i in range(count)]
  if count == 1:  # shard_path gives the plain name for one shard
    return [whole.with_name(matches[0].string)]
  for shard in paths:
    if not shard.is_file():
      raise errors.UserError(f"{shard}: this shard is missing")
  return paths


def write(
  path: Path,
  rows: Iterable[Any],
  *,
  shard_index: int = 0,
  shard_count: int = 1,
) -> pathlib.Path:
  """Writes records; the file appears under its name only when complete.

  Args:
    path: ends in `.jsonl` or `.array_record`.
    rows: records of one kind.
    shard_index: this process, where each writes its own shard.
    shard_count: number of processes.

  Returns:
    The path written, with the shard in its name if there are several.
  """
  target = shard_path(path, shard_index, shard_count)
  write_as = _writer(target)
  with atomic.replacing(target) as temporary:
    write_as(temporary, rows)
  return target


def read(
  path: Path, cls: type[RecordT], *, skip_bad: bool = False
) -> Read[RecordT]:
  """Reads all records of a file or of all its shards.

  Args:
    path: as for `write`.
    cls: the dataclass of `records` they must be.
    skip_bad: collect messages about bad records, and log how many there
      are, instead of stopping at the first.

  Raises:
    UserError: a bad record, named by file, line and field; or no record.
  """
  good: list[RecordT] = []
  bad: list[str] = []
  for shard in shard_paths(path):
    for place, text in _lines(shard):
      try:
        good.append(records.from_json(text, cls))
      except errors.UserError as error:
        message = f"{place}: {error}"
        if not skip_bad:
          raise errors.UserError(message) from error
        bad.append(message)
  if bad:
    logging.warning(
      "%s: skipped %d bad of %d records, first: %s",
      *(path, len(bad), len(bad) + len(good), bad[0]),
    )
  if not good:
    raise errors.UserError(f"{path}: holds no record")
  return Read(good, bad)


def _lines(path: pathlib.Path) -> Iterator[tuple[str, bytes]]:
  """(place for messages, bytes) of every record."""
  if _writer(path) is _write_array_record:
    for index, record in enumerate(_array_records(path)):
      yield f"{path}:record {index}", record
    return
  with open(path, "rb") as lines:
    for number, line in enumerate(lines, start=1):
      if line.strip():
        yield f"{path}:{number}", line


def _array_records(path: pathlib.Path) -> list[bytes]:
  try:
    reader = array_record_module.ArrayRecordReader(str(path))
    try:
      return reader.read_all() if reader.num_records() else []
    finally:
      reader.close()  # reports what went wrong on opening, too
  except RuntimeError as error:
    raise errors.UserError(
      f"{path}: not a whole array_record file ({error})"
    ) from error


def _writer(path: pathlib.Path):
  if path.suffix == JSON_LINES:
    return _write_json_lines
  if path.suffix == ARRAY_RECORD:
    return _write_array_record
  raise errors.UserError(f"{path}: must end in {JSON_LINES} or {ARRAY_RECORD}")


def _write_json_lines(path: pathlib.Path, rows: Iterable[Any]) -> None:
  with open(path, "w", encoding="utf-8") as file:
    for row in rows:
      file.write(records.to_json(row) + "\n")


def _write_array_record(path: pathlib.Path, rows: Iterable[Any]) -> None:
  writer = array_record_module.ArrayRecordWriter(str(path), "group_size:1")
  try:
    for row in rows:
      writer.write(records.to_json(row).encode())
  finally:
    writer.close()
