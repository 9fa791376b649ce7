"""`prm-jax generate`: writes a generated benchmark set.

The same config and seed give the same bytes; what `evaluate` and `search` take
as `--input` is `set.jsonl`.
"""

import pathlib

import ml_collections

from prm_jax import errors
from prm_jax.build import generated_sets
from prm_jax.cli import flags as flags_lib

DEFAULT_CONFIG = "generate"
SET = "set.jsonl"


def run(
  config: ml_collections.ConfigDict,
  workdir: pathlib.Path,
  flags: flags_lib.Flags,
) -> int:
  """Writes the set and tells how many there are of each kind."""
  del flags
  if config.seed < 0:
    raise errors.UserError(f"seed: must be at least 0, got {config.seed}")
  made = generated_sets.make(config.set, config.options.to_dict())
  path = workdir / SET
  counts = made.write(path, config.seed)
  told = ", ".join(f"{count} {kind}" for kind, count in counts.items())
  print(f"{path}: {told}")
  return 0
