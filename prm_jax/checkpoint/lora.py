"""Low-rank adapters (PEFT's files), merged while a checkpoint is read.

W + scale * B A per adapted matrix, in float32 (LoRA, arXiv 2106.09685).
"""

import pathlib
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from prm_jax import errors
from prm_jax.checkpoint import json_fields, safetensors_files

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_PREFIX = "base_model.model."
_A, _B = ".lora_A.weight", ".lora_B.weight"


class Adapter(NamedTuple):
  """Changes to a model.

  Attributes:
    base: the model's folder, or its name.
    scales: by adapted matrix, as the model's files name it.
    headers: of the adapter's tensors, by their names without PEFT's prefix.
    names: those tensors' own names.
  """

  base: str
  scales: Mapping[str, float]
  headers: Mapping[str, safetensors_files.Header]
  names: Mapping[str, str]

  @property
  def whole(self) -> dict[str, safetensors_files.Header]:
    """Tensors that take the place of the model's, as heads do."""
    parts = (_A, _B)
    return {n: h for n, h in self.headers.items() if not n.endswith(parts)}

  def merged(
    self, tensors: Iterable[tuple[str, np.ndarray]]
  ) -> Iterator[tuple[str, np.ndarray]]:
    """The model's tensors with what the adapter adds to them."""
    for name, value in tensors:
      yield name, self.merge(name, value)

  def merge(self, name: str, value: np.ndarray) -> np.ndarray:
    """One tensor of the model, changed; float32 where it is."""
    if name in self.names:
      return self.read(name)
    if name not in self.scales:
      return value
    stem = name.removesuffix(".weight")
    low, high = self.read(stem + _A), self.read(stem + _B)
    return value.astype(np.float32) + self.scales[name] * (high @ low)

  def check(self, headers: Mapping[str, safetensors_files.Header]) -> None:
    """UserError where the adapter does not fit the model's tensors."""
    for name in self.scales:
      stem = name.removesuffix(".weight")
      low, high = self.headers[stem + _A], self.headers[stem + _B]
      if name not in headers:
        raise errors.UserError(f"{low.file}: the model has no {name}")
      shape = (high.shape[0], low.shape[1])
      if shape != headers[name].shape or high.shape[1] != low.shape[0]:
        raise errors.UserError(
          f"{low.file}: {stem}: {list(high.shape)} x {list(low.shape)} does "
          f"not change a matrix of {list(headers[name].shape)}"
        )

  def read(self, name: str) -> np.ndarray:
    """A tensor of the adapter, float32."""
    own = self.names[name]
    header = self.headers[name]
    ((_, value),) = safetensors_files.read({own: header}, [own])
    return value.astype(np.float32)


def read(directory: pathlib.Path) -> Adapter:
  """Reads what an adapter changes; its tensors are read when they are merged.

  Raises:
    UserError: names file and field: no such file, another kind of adapter, a
      matrix without its partner.
  """
  fields = json_fields.read(directory / CONFIG, "not an adapter")
  _check_kind(fields)
  path = directory / WEIGHTS
  if not path.exists():
    hint = " (adapter_model.bin is pickle, which can run code)"
    raise errors.UserError(f"{path}: no such file{hint}")
  found = safetensors_files.file_headers(path)
  names = {_own_name(name): name for name in found}
  headers = {short: found[name] for short, name in names.items()}
  scales = {}
  for short in headers:
    if not short.endswith((_A, _B)):
      continue
    stem = short.removesuffix(_A).removesuffix(_B)
    for part in (_A, _B):
      if stem + part not in headers:
        raise errors.UserError(f"{path}: {stem}: no tensor {part[1:]}")
    scales[f"{stem}.weight"] = _scale(fields, stem, headers[stem + _A].shape[0])
  if not scales:
    raise errors.UserError(f"{path}: holds no lora_A and lora_B")
  base = fields.values.get("base_model_name_or_path")
  return Adapter(str(base or ""), scales, headers, names)


def find_base(adapter: Adapter, directory: pathlib.Path, base: str) -> str:
  """The folder of the model that is changed.

  Args:
    adapter: names it, as a path or as on the hub.
    directory: of the adapter; a relative path may start there.
    base: what the user says; "": nothing.

  Raises:
    UserError: no such folder.
  """
  if base:
    if not pathlib.Path(base).is_dir():
      raise errors.UserError(f"base: {base}: no such folder")
    return base
  for path in (pathlib.Path(adapter.base), directory / adapter.base):
    if adapter.base and path.is_dir():
      return str(path)
  raise errors.UserError(
    f"{directory / CONFIG}: base_model_name_or_path: {adapter.base!r} is no "
    "folder here; get that checkpoint and name its folder by --config.base=DIR"
  )


def _check_kind(fields: json_fields.Fields) -> None:
  kind = fields.values.get("peft_type")
  if kind != "LORA":
    raise fields.fail("peft_type", f"{kind!r} is not supported, only 'LORA'")
  for name in ("use_dora", "fan_in_fan_out"):
    if fields.flag(name, False):
      raise fields.fail(name, "true is not supported")
  bias = fields.values.get("bias", "none")
  if bias != "none":
    raise fields.fail("bias", f"{bias!r} is not supported, only 'none'")


def _own_name(name: str) -> str:
  """As the model's files have it."""
  short = name.removeprefix(_PREFIX)
  for extra in (".default", ".modules_to_save"):
    short = short.replace(extra, "")
  return short


def _scale(fields: json_fields.Fields, stem: str, rank: int) -> float:
  """alpha / rank, or alpha / sqrt(rank); patterns name single matrices."""
  alpha = fields.number("lora_alpha")
  for pattern, own in fields.group("alpha_pattern").values.items():
    if stem == pattern or stem.endswith(f".{pattern}"):
      alpha = float(own)
  return alpha / (rank**0.5 if fields.flag("use_rslora", False) else rank)
