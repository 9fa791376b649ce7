"""A public data set, from a user's local files, as TFDS in array_record.

Nothing is downloaded: `config.files` names a file or folder for each split.
An element is one record of the format, see `features`. What the source held
is kept beside the data: number and checksum of its rows, and counts of what
was left out. Preparing again from a source that has changed is an error, so
old data is never mistaken for new.
"""

import dataclasses
import functools
import hashlib
import json
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

import tensorflow_datasets as tfds

from prm_jax import errors
from prm_jax.data.builders import features
from prm_jax.data.formats import base, registry, rows

# A new number where the same rows give other records.
VERSION = "1.0.0"
RecordT = TypeVar("RecordT")


@dataclasses.dataclass
class PublicConfig(tfds.core.BuilderConfig):
  """Where a data set is, and how it is read.

  Attributes:
    files: split -> file or folder.
    options: of the format, such as `gsm8k.Config(...)`; None for its own.
    skip_bad: leave rows out that do not fit the schema, and count them.
  """

  name: str = ""  # set from the rest
  files: Mapping[str, str] = dataclasses.field(default_factory=dict)
  options: Any = None
  skip_bad: bool = False

  def __post_init__(self):
    if not self.files:
      return  # a class needs a default config; `prepare` refuses it
    text = json.dumps(self.describe(), sort_keys=True)
    self.name = hashlib.sha256(text.encode()).hexdigest()[:12]
    self.description = text

  def describe(self) -> dict[str, Any]:
    """All that the records depend on, but for what the files hold."""
    own = self.options
    return {
      "files": {split: str(path) for split, path in self.files.items()},
      "options": None if own is None else dataclasses.asdict(own),
      "skip_bad": self.skip_bad,
    }


class PublicBuilder(  # type: ignore[call-arg]
  tfds.core.GeneratorBasedBuilder, skip_registration=True
):
  """Base of the builders; a subclass names its format."""

  VERSION = tfds.core.Version(VERSION)
  BUILDER_CONFIGS: ClassVar = [PublicConfig(name="none")]
  url_infos: ClassVar = None  # see `task_builder`
  format_name: ClassVar[str]

  @functools.cached_property
  def form(self) -> base.Format[Any]:
    """The reader, with the options of the configuration."""
    entry = registry.get(self.format_name)
    own = self.builder_config.options
    return entry.make(entry.options() if own is None else own)

  def _info(self) -> tfds.core.DatasetInfo:
    note = self.form.note
    return tfds.core.DatasetInfo(
      builder=self,
      description=f"{note.repository}: {note.files}",
      features=features.of(self.form.record),
      citation=note.citation,
      license=note.licence,
      metadata=tfds.core.MetadataDict(),
      disable_shuffling=True,  # records stand in the order of the rows
    )

  def _split_generators(self, dl_manager):
    del dl_manager  # nothing is downloaded
    files = self.builder_config.files
    if not files:
      raise errors.UserError(
        f"source.files: none given for {self.format_name}; "
        f"{self.form.note.how_to_get}"
      )
    return {
      split: self._generate_examples(split, path)
      for split, path in files.items()
    }

  def _generate_examples(
    self, split, path
  ) -> Iterator[tuple[int, dict[str, Any]]]:
    reader = rows.Reader(self.form, path, skip_bad=self.builder_config.skip_bad)
    for index, record in enumerate(reader):
      yield index, features.encode(record)
    found = reader.fingerprint
    self.info.metadata[split] = {
      "num_rows": found.num_rows,
      "checksum": found.checksum,
      "published": rows.published(self.form, found),
      "bad": len(reader.bad),
      "told": dict(reader.told),
      "summary": reader.summary(),
    }


class Records(Generic[RecordT]):
  """The records of a prepared split, by number."""

  def __init__(self, source: Any, cls: type[RecordT]):
    self._source, self._cls = source, cls

  def __len__(self) -> int:
    return len(self._source)

  def __getitem__(self, index: int) -> RecordT:
    if not 0 <= index < len(self):
      raise IndexError(index)
    return features.decode(self._source[index], self._cls)


class Prepared(NamedTuple):
  """A data set on disk.

  Attributes:
    splits: records by split.
    told: by split, `num_rows` and `checksum` of the source, which published
      file it is (null if none that is known), how many rows were `bad`,
      `told`, counts of what was left out, and `summary`, all that in words.
  """

  splits: Mapping[str, Records[Any]]
  told: Mapping[str, Any]


def prepare(builder: PublicBuilder) -> Prepared:
  """Writes the data set unless it is there.

  Raises:
    UserError: the folder cannot be written, what `rows.read` says of a
      source, or a source with other rows than the data set was made of.
  """
  if pathlib.Path(builder.data_dir).exists():
    _check_sources(builder)
  try:
    builder.download_and_prepare(file_format="array_record")
  except OSError as error:
    raise errors.UserError(
      f"{builder.data_dir}: cannot write: {error}"
    ) from error
  found = builder.as_data_source()
  splits = {
    name: Records(source, builder.form.record) for name, source in found.items()
  }
  return Prepared(splits, dict(builder.info.metadata))


def _check_sources(builder: PublicBuilder) -> None:
  """Sources that are no longer there are not compared with."""
  for split, path in builder.builder_config.files.items():
    if not pathlib.Path(path).exists():
      continue
    kept = builder.info.metadata[split]
    now = rows.fingerprint(path, builder.form.note)
    was = rows.Fingerprint(kept["num_rows"], kept["checksum"])
    if now != was:
      raise errors.UserError(
        f"{path}: {now.num_rows:,} rows with checksum {now.checksum}, but "
        f"{builder.data_dir} was made of {was.num_rows:,} with "
        f"{was.checksum}; remove that folder to make it again"
      )
