"""Rows of a user's files, whatever they are stored as, through a reader."""

import collections
import dataclasses
import hashlib
import json
import pathlib
from collections.abc import Callable, Iterator
from typing import Any, Generic, NamedTuple, TypeVar

from absl import logging

from prm_jax import errors
from prm_jax.data import record_files
from prm_jax.data.formats import base

RecordT = TypeVar("RecordT")
_MODULUS = 2**64
_POINTER = b"version "  # git LFS keeps such a line where the data should be


class RawRow(NamedTuple):
  """One row before it is parsed.

  Attributes:
    place: file and line.
    row: its fields.
  """

  place: str
  row: dict[str, Any]


class Fingerprint(NamedTuple):
  """Number and checksum of rows, whatever file they lie in, in any order."""

  num_rows: int
  checksum: str  # 16 hex digits


@dataclasses.dataclass(frozen=True)
class Read(Generic[RecordT]):
  """What a source held.

  Attributes:
    records: in order of the rows.
    bad: one message for each row that could not be read.
    told: how many rows or parts were left out or mended, by reason.
    fingerprint: of all rows, good and bad.
  """

  records: list[RecordT]
  bad: list[str]
  told: dict[str, int]
  fingerprint: Fingerprint


class Checksum:
  """Sum of the rows' hashes: equal for equal rows in any order or file kind.

  A row is hashed as JSON with sorted keys, so neither line breaks nor the
  order of fields matter.
  """

  def __init__(self) -> None:
    self._sum, self._count = 0, 0

  def add(self, row: base.Row) -> None:
    text = json.dumps(row, sort_keys=True, ensure_ascii=False)
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    self._sum = (self._sum + int.from_bytes(digest[:8], "big")) % _MODULUS
    self._count += 1

  @property
  def fingerprint(self) -> Fingerprint:
    return Fingerprint(self._count, f"{self._sum:016x}")


class Reader(Generic[RecordT]):
  """Records of a file or folder one by one; once through, what was told.

  Args:
    form: the schema.
    path: a `.jsonl`, `.json` or `.parquet` file, or a folder of such.
    skip_bad: collect messages about rows that do not fit the schema, instead
      of stopping at the first.

  Attributes:
    bad: one message for each row that could not be read.
    told: how many rows or parts were left out or mended, by reason.
  """

  def __init__(
    self,
    form: base.Format[RecordT],
    path: record_files.Path,
    *,
    skip_bad: bool = False,
  ):
    self.form, self.path, self.skip_bad = form, path, skip_bad
    self.bad: list[str] = []
    self.told: base.Told = collections.Counter()
    self._checksum = Checksum()

  def __iter__(self) -> Iterator[RecordT]:
    """Raises UserError: no such file, a bad row, or no record."""
    found = 0
    for raw in raw_rows(self.path, self.form.note):
      self._checksum.add(raw.row)
      try:
        records = list(self.form.parse(raw.row, raw.place, self.told))
      except errors.UserError as error:
        message = f"{raw.place}: {error}"
        if not self.skip_bad:
          raise errors.UserError(message) from error
        self.bad.append(message)
        continue
      found += len(records)
      yield from records
    self.told = +self.told  # without the zeros
    if not found:
      first = f", the first: {self.bad[0]}" if self.bad else ""
      raise errors.UserError(f"{self.path}: no {self.form.name} record{first}")
    for line in self.summary():
      logging.warning("%s: %s", self.path, line)

  @property
  def fingerprint(self) -> Fingerprint:
    """Of all rows read so far, good and bad."""
    return self._checksum.fingerprint

  def summary(self) -> list[str]:
    """What a user should be told of a source: nothing goes silently."""
    lines = [f"{count:,} x {why}" for why, count in sorted(self.told.items())]
    if self.bad:
      lines.append(
        f"skipped {len(self.bad):,} bad of {self.fingerprint.num_rows:,} "
        f"rows, first: {self.bad[0]}"
      )
    return lines


def read(
  form: base.Format[RecordT],
  path: record_files.Path,
  *,
  skip_bad: bool = False,
) -> Read[RecordT]:
  """All records of a file or folder; arguments as of `Reader`.

  Raises:
    UserError: no such file (says how to get it), a bad row (names file, line
      and field), or no record.
  """
  reader = Reader(form, path, skip_bad=skip_bad)
  records = list(reader)
  return Read(records, reader.bad, dict(reader.told), reader.fingerprint)


def published(form: base.Format[Any], found: Fingerprint) -> str | None:
  """Which of the published files these rows are, if any of those known."""
  for name, checksum in form.note.checksums.items():
    if (
      checksum == found.checksum and form.note.num_rows[name] == found.num_rows
    ):
      return name
  return None


def fingerprint(path: record_files.Path, note: base.Note) -> Fingerprint:
  """Number and checksum of the rows of a source, whatever they say.

  Raises:
    UserError: as of `raw_rows`.
  """
  checksum = Checksum()
  for raw in raw_rows(path, note):
    checksum.add(raw.row)
  return checksum.fingerprint


def raw_rows(path: record_files.Path, note: base.Note) -> Iterator[RawRow]:
  """Rows of a file or of all files below a folder, by path.

  Raises:
    UserError: no such file, not JSON, or a file of another kind.
  """
  root = pathlib.Path(path)
  if root.is_file():
    yield from _of_file(root)
    return
  if not root.is_dir():
    raise errors.UserError(f"{root}: no such file or folder; {note.how_to_get}")
  files = sorted(f for f in root.rglob("*") if f.suffix in _READERS)
  if not files:
    raise errors.UserError(
      f"{root}: holds no {', '.join(_READERS)} file; {note.how_to_get}"
    )
  for file in files:
    yield from _of_file(file)


def _of_file(file: pathlib.Path) -> Iterator[RawRow]:
  if file.suffix not in _READERS:
    raise errors.UserError(f"{file}: must end in {', '.join(_READERS)}")
  with open(file, "rb") as start:
    if start.read(len(_POINTER)) == _POINTER:
      raise errors.UserError(
        f"{file}: a pointer of git LFS, not the data; run `git lfs pull` in "
        "the repository it comes from"
      )
  for place, row in _READERS[file.suffix](file):
    if not isinstance(row, dict):
      raise errors.UserError(f"{file}{place}: not a JSON object")
    yield RawRow(f"{file}{place}", row)


def _json_lines(file: pathlib.Path) -> Iterator[tuple[str, Any]]:
  with open(file, "rb") as lines:
    for number, line in enumerate(lines, start=1):
      if line.strip():
        yield f":{number}", _loads(line, f"{file}:{number}")


def _json(file: pathlib.Path) -> Iterator[tuple[str, Any]]:
  """A list of rows, one row, or (wrongly named) JSON lines."""
  text = file.read_bytes()
  if text.lstrip()[:1] != b"[":
    try:
      yield "", json.loads(text)
    except (json.JSONDecodeError, UnicodeDecodeError):
      yield from _json_lines(file)
    return
  for index, row in enumerate(_loads(text, str(file))):
    yield f"[{index}]", row


def _parquet(file: pathlib.Path) -> Iterator[tuple[str, Any]]:
  import pyarrow  # heavy, and for this alone
  from pyarrow import parquet

  try:
    table = parquet.read_table(file)
  except (pyarrow.ArrowException, OSError) as error:
    raise errors.UserError(f"{file}: not a parquet file ({error})") from error
  for index, row in enumerate(table.to_pylist()):
    yield f"[{index}]", row


def _loads(text: bytes, place: str) -> Any:
  try:
    return json.loads(text)
  except (json.JSONDecodeError, UnicodeDecodeError) as error:
    raise errors.UserError(f"{place}: not JSON ({error})") from error


_READERS: dict[str, Callable[[pathlib.Path], Iterator[tuple[str, Any]]]] = {
  ".jsonl": _json_lines,
  ".json": _json,
  ".parquet": _parquet,
}
