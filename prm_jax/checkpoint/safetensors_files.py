"""Tensors in safetensors files: one file, or shards with an index."""

import json
import pathlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np
import safetensors

from prm_jax import errors

SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"

# Names of the types that models are kept in.
DTYPES = {
  "F32": np.dtype(np.float32),
  "F16": np.dtype(np.float16),
  "BF16": np.dtype(ml_dtypes.bfloat16),
}
_NAMES = {dtype: name for name, dtype in DTYPES.items()}

# Other ways to keep weights, and what to do about them.
_REFUSED = (
  ("*.gguf", "GGUF is quantised for llama.cpp; get the safetensors files"),
  *(
    (
      pattern,
      "pickle can run code when it is read; get the safetensors files, or "
      "write them with save_pretrained of transformers",
    )
    for pattern in ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
  ),
)


class Header(NamedTuple):
  """What a file says of one tensor."""

  dtype: str
  shape: tuple[int, ...]
  file: pathlib.Path


def read_headers(directory: pathlib.Path) -> dict[str, Header]:
  """All tensors of a checkpoint, none of them read.

  Raises:
    UserError: no safetensors files, a missing or broken shard, a tensor that
      the index names and its shard lacks.
  """
  index = directory / INDEX
  if not index.exists():
    single = directory / SINGLE
    if not single.exists():
      raise errors.UserError(_what_instead(directory))
    return file_headers(single)
  found: dict[str, Header] = {}
  named = _read_index(index)
  for shard in sorted(set(named.values())):
    path = directory / shard
    if not path.exists():
      raise errors.UserError(f"{path}: missing, and {INDEX} names it")
    own = file_headers(path)
    for name in (n for n, file in named.items() if file == shard):
      if name not in own:
        raise errors.UserError(f"{path}: no tensor {name}, {INDEX} names it")
      found[name] = own[name]
  return found


def _what_instead(directory: pathlib.Path) -> str:
  if not directory.is_dir():
    return f"{directory}: no such folder"
  for pattern, advice in _REFUSED:
    for path in sorted(directory.glob(pattern)):
      return f"{path}: {advice}"
  if any(directory.glob("model-*.safetensors")):
    return f"{directory / INDEX}: missing, and there are shards"
  return f"{directory / SINGLE}: no such file, nor {INDEX}"


def _read_index(path: pathlib.Path) -> dict[str, str]:
  try:
    named = json.loads(path.read_text())["weight_map"]
    pairs = dict(named.items())
  except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
    raise errors.UserError(
      f"{path}: weight_map: cannot be read ({type(error).__name__})"
    ) from error
  for name, file in pairs.items():
    # A shard lies beside its index: no way out of the folder.
    if not isinstance(file, str) or file != pathlib.PurePath(file).name:
      raise errors.UserError(f"{path}: weight_map: {name}: {file!r} is no file")
  return pairs


def _open(path: pathlib.Path) -> Any:
  try:
    return safetensors.safe_open(path, framework="np")
  except (safetensors.SafetensorError, OSError) as error:
    with path.open("rb") as file:
      is_pointer = file.read(24).startswith(b"version https://git-lfs")
    reason = "a git-lfs pointer: fetch the file itself" if is_pointer else error
    raise errors.UserError(
      f"{path}: not a safetensors file ({reason})"
    ) from error


def file_headers(path: pathlib.Path) -> dict[str, Header]:
  """All tensors of one file, none of them read."""
  with _open(path) as file:
    found = {}
    for name in file.keys():  # noqa: SIM118 - not a mapping
      part = file.get_slice(name)
      shape = tuple(part.get_shape())
      found[name] = Header(part.get_dtype(), shape, path)
    return found


def read(
  headers: Mapping[str, Header], names: Iterable[str]
) -> Iterator[tuple[str, np.ndarray]]:
  """The named tensors one by one, a file at a time.

  The host holds one tensor, and what the system keeps of one mapped file.
  """
  wanted: dict[pathlib.Path, list[str]] = {}
  for name in names:
    wanted.setdefault(headers[name].file, []).append(name)
  for path, own in wanted.items():
    with _open(path) as file:
      for name in own:
        yield name, file.get_tensor(name)


def read_rows(header: Header, name: str, rows: Sequence[int]) -> np.ndarray:
  """Some rows of a matrix, [len(rows), columns], without reading the rest."""
  with _open(header.file) as file:
    part = file.get_slice(name)
    return np.concatenate([part[row : row + 1] for row in rows])


def plan_shards(
  sizes: Mapping[str, int], max_bytes: int
) -> dict[str, list[str]]:
  """File name -> tensors, in order; one tensor may be larger than `max_bytes`.

  Args:
    sizes: bytes by tensor.
  """
  shards: list[list[str]] = [[]]
  used = 0
  for name, size in sizes.items():
    if shards[-1] and used + size > max_bytes:
      shards.append([])
      used = 0
    shards[-1].append(name)
    used += size
  if len(shards) == 1:
    return {SINGLE: shards[0]}
  return {
    f"model-{i:05d}-of-{len(shards):05d}.safetensors": names
    for i, names in enumerate(shards, 1)
  }


def write_index(
  directory: pathlib.Path,
  shards: Mapping[str, list[str]],
  total_bytes: int,
) -> None:
  """The index, where there are several shards."""
  if len(shards) == 1:
    return
  named = {name: file for file, names in shards.items() for name in names}
  text = json.dumps(
    {"metadata": {"total_size": total_bytes}, "weight_map": named}, indent=2
  )
  (directory / INDEX).write_text(text + "\n")


def write(
  path: pathlib.Path,
  shapes: Mapping[str, tuple[int, ...]],
  dtype: np.dtype,
  tensors: Iterable[np.ndarray],
) -> None:
  """Writes one file, holding one tensor at a time.

  The library's own writer wants all of them at once, and copies each.

  Args:
    shapes: by tensor, in the order of `tensors`.
    dtype: of all.
    tensors: lazily made.
  """
  header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
  end = 0
  for name, shape in shapes.items():
    start, end = end, end + int(np.prod(shape)) * dtype.itemsize
    header[name] = {
      "dtype": _NAMES[dtype],
      "shape": list(shape),
      "data_offsets": [start, end],
    }
  text = json.dumps(header, separators=(",", ":")).encode()
  text += b" " * (-len(text) % 8)
  with path.open("wb") as file:
    file.write(len(text).to_bytes(8, "little") + text)
    for shape, tensor in zip(shapes.values(), tensors, strict=True):
      assert tensor.shape == shape
      raw = np.ascontiguousarray(tensor, dtype).reshape(-1).view(np.uint8)
      file.write(raw.data)
