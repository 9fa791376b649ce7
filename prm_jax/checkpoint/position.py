"""The place in the data, as an item of a checkpoint, one file per process."""

import base64
import dataclasses
import json
from typing import Any, Protocol, runtime_checkable

import jax
import orbax.checkpoint as ocp
from etils import epath


@runtime_checkable
class Resumable(Protocol):
  """What grain's iterators are: data that can be read again from a point."""

  def get_state(self) -> Any:
    """The place of the next element; bytes, or what JSON can hold."""

  def set_state(self, state: Any) -> None:
    """Goes to that place."""


def encode(state: Any) -> str:
  """JSON of bytes or of a JSON-able object."""
  if isinstance(state, bytes):
    return json.dumps({"bytes": base64.b64encode(state).decode()})
  return json.dumps({"json": state})


def decode(text: str) -> Any:
  """The inverse of `encode`."""
  found = json.loads(text)
  if "bytes" in found:
    return base64.b64decode(found["bytes"])
  return found["json"]


def _file(directory: epath.Path) -> epath.Path:
  return (
    directory / f"process_{jax.process_index()}-of-{jax.process_count()}.json"
  )


class _Handler(ocp.CheckpointHandler):
  """Writes each process's own text; orbax sees to the rest."""

  def save(self, directory: epath.Path, args: "Save") -> None:
    _file(directory).write_text(args.text)

  def restore(
    self, directory: epath.Path, args: "Restore | None" = None
  ) -> str:
    return _file(directory).read_text()


@ocp.args.register_with_handler(_Handler, for_save=True)
@dataclasses.dataclass
class Save(ocp.args.CheckpointArgs):
  """The text to keep."""

  text: str


@ocp.args.register_with_handler(_Handler, for_restore=True)
@dataclasses.dataclass
class Restore(ocp.args.CheckpointArgs):
  """Reads the text back."""
