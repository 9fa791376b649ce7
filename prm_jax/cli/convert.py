"""`prm-jax convert`: public checkpoints to our folders and back.

The folder appears whole or not at all; the same command after a kill goes on
with what is missing.
"""

import json
import pathlib
from typing import Any

import jax
import ml_collections

from prm_jax import errors
from prm_jax.build import models, parity, public
from prm_jax.checkpoint import disk, hub
from prm_jax.cli import flags as flags_lib
from prm_jax.cli import report
from prm_jax.data import atomic

DEFAULT_CONFIG = "convert"
MODEL, PARITY = "model", "parity.json"
FORMATS = ("hf", "native")
DTYPES = ("float32", "bfloat16", "float16")


def run(
  config: ml_collections.ConfigDict,
  workdir: pathlib.Path,
  flags: flags_lib.Flags,
) -> int:
  source = flags.model or config.model
  target = flags.format or config.format
  flags_lib.required("convert", "model", source)
  if target and target not in FORMATS:
    raise errors.UserError(f"format: {target!r} is not one of hf, native")
  if config.dtype and config.dtype not in DTYPES:
    raise errors.UserError(
      f"dtype: {config.dtype!r} is not one of {', '.join(DTYPES)}"
    )
  if config.parity.length < 1 or config.shard_bytes < 1:
    raise errors.UserError("parity.length, shard_bytes: must be at least 1")
  try:
    source = str(hub.resolve(source))
  except errors.UserError as error:
    raise errors.UserError(f"--model: {error}") from error
  is_public = public.is_public(source)
  target = target or ("native" if is_public else "hf")
  with report.progress("convert", 3) as tell:
    loaded = models.load(source, "--model")
    before = parity.outputs(loaded, config.parity.length, config.parity.seed)
    tell(1)
    written = workdir / MODEL
    if not written.exists():
      _write(loaded, written, target, config)
    del loaded
    tell(2)
    found = _compare(source, written, before, is_public, target, config)
    tell(3)
  with atomic.replacing(workdir / PARITY) as file:
    file.write_text(json.dumps(found, indent=2) + "\n")
  print(f"model: {written} ({target})")
  for name, value in found.items():
    print(f"  {name}: {value}")
  return 0


def _write(
  loaded: models.Loaded,
  path: pathlib.Path,
  target: str,
  config: ml_collections.ConfigDict,
) -> None:
  dtype = config.dtype or parity.weight_dtype(loaded.params)
  if target == "native":
    params = jax.tree.map(lambda x: x.astype(dtype), loaded.params)
    with disk.told_when_full(f"{path}: model not saved"):
      models.save(path, loaded._replace(params=params), path.parent)
    return
  models.export(
    path, loaded, path.parent, dtype=dtype, max_shard_bytes=config.shard_bytes
  )


def _compare(
  source: str,
  written: pathlib.Path,
  before: parity.Outputs,
  is_public: bool,
  target: str,
  config: ml_collections.ConfigDict,
) -> dict[str, Any]:
  """Differences of the outputs before and after, and to torch."""
  after = models.load(written, "--workdir")
  size = (config.parity.length, config.parity.seed)
  found = parity.differences(before, parity.outputs(after, *size))
  found["weights"] = parity.weight_dtype(after.params)
  del after
  folder = source if is_public else str(written)
  if config.parity.use_torch and (is_public or target == "hf"):
    found |= parity.against_torch(folder, before)
  return found
