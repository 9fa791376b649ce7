"""Checkpoints by their name on the Hugging Face hub, `org/name`.

Only weights in safetensors and the files of config and tokenizer are fetched,
never code. What is in the local cache needs neither network nor library.
"""

import json
import os
import pathlib
import re

from prm_jax import errors
from prm_jax.checkpoint import config_json, safetensors_files

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
PATTERNS = ("*.safetensors", "*.json", "*.jinja")


def resolve(given: str | pathlib.Path) -> pathlib.Path:
  """The folder that is given, or that of a name on the hub.

  Args:
    given: a path, or `org/name` where no such folder is here.

  Raises:
    UserError: the name is neither cached nor to be had; tells what to do.
  """
  path = pathlib.Path(given).expanduser()
  name = str(given)
  if path.exists() or not _NAME.fullmatch(name):
    return path
  return cached(name) or _fetch(name)


def cached(name: str) -> pathlib.Path | None:
  """The folder in the local cache, if all of the weights are there."""
  folder = _cache() / f"models--{name.replace('/', '--')}"
  head = folder / "refs" / "main"
  if not head.is_file():
    return None
  snapshot = folder / "snapshots" / head.read_text().strip()
  return snapshot if _is_whole(snapshot) else None


def _cache() -> pathlib.Path:
  own = os.environ.get("HF_HUB_CACHE")
  if own:
    return pathlib.Path(own).expanduser()
  home = os.environ.get("HF_HOME") or "~/.cache/huggingface"
  return pathlib.Path(home).expanduser() / "hub"


def _is_whole(folder: pathlib.Path) -> bool:
  if not (folder / config_json.FILE_NAME).is_file():
    return False
  index = folder / safetensors_files.INDEX
  if not index.is_file():
    return (folder / safetensors_files.SINGLE).is_file()
  try:
    files = set(json.loads(index.read_text())["weight_map"].values())
  except (ValueError, KeyError, AttributeError):
    return False
  return all((folder / file).is_file() for file in files)


def _fetch(name: str) -> pathlib.Path:
  try:
    import huggingface_hub
  except ImportError as error:
    raise errors.UserError(_what_to_do(name, "no huggingface_hub")) from error
  try:
    found = huggingface_hub.snapshot_download(
      name, allow_patterns=list(PATTERNS), cache_dir=str(_cache())
    )
  except Exception as error:  # of the network, of the hub, of the disk
    told = (str(error).strip() or type(error).__name__).splitlines()[0]
    reason = f"{type(error).__name__}: {told[:100]}"
    raise errors.UserError(_what_to_do(name, reason)) from error
  return pathlib.Path(found)


def _what_to_do(name: str, reason: str) -> str:
  include = " ".join(f"'{pattern}'" for pattern in PATTERNS)
  return (
    f"{name}: no such folder, and it cannot be fetched from the hub "
    f"({reason}); where there is a network, `hf download {name} --include "
    f"{include} --local-dir DIR` fetches it, and DIR can be given instead"
  )
