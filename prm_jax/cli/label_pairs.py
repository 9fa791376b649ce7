"""`prm-jax label --config pairs:METHOD`: preferred steps made of labels.

The whole result is written under its name at the end.
"""

import pathlib

import ml_collections

from prm_jax import errors
from prm_jax.build import fields
from prm_jax.cli import label_files, relabel_input
from prm_jax.data import record_files
from prm_jax.labelling import pair_stats, pairs

NAME = "pairs"


def run(config: ml_collections.ConfigDict, workdir: pathlib.Path) -> int:
  """Compares ways on from prefixes and tells how many pairs there are."""
  own = fields.dataclass(pairs.PairConfig, config.pairs.to_dict(), NAME)
  labels, bad = relabel_input.labels_of(config.input, config.skip_bad)
  try:
    found = pairs.from_labels(labels, own)
  except errors.UserError as error:
    raise errors.UserError(f"{config.input}: {error}") from error
  if not found:
    raise errors.UserError(
      f"{config.input}: pairs.rule {own.rule!r} makes no pair of "
      f"{len(labels)} labelled solutions"
    )
  path = record_files.write(workdir / label_files.PAIRS, found)
  stats = {
    **pair_stats.summarise(found, labels),
    "rule": own.rule,
    "margin": own.margin,
    "input_solutions": len(labels),
    "bad_lines": len(bad),
  }
  told = [
    f"{len(found)} pairs behind {stats['prefixes']} prefixes of "
    f"{stats['problems']} problems",
    f"{len(labels)} labelled solutions",
  ]
  told += [f"values {stats['gap']:.2f} apart"] if stats["gap"] else []
  label_files.finish(path, stats, told, bad, {})
  return 0
