"""What the forms of `label` leave in a workdir, and say at their end."""

import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from prm_jax.cli import report
from prm_jax.data import atomic

LABELS, PAIRS, SEARCHES = "labels.jsonl", "pairs.jsonl", "searches.jsonl"
STATS = "label_stats.json"


def finish(
  path: pathlib.Path,
  stats: Mapping[str, Any],
  told: Sequence[str],
  bad: Sequence[str],
  left: Mapping[str, int],
) -> None:
  """Writes the statistics beside the labels, and prints the main ones.

  Args:
    path: of the labels; a shard's statistics are those of its workdir.
    stats: all numbers.
    told: the main ones in words.
    bad: a message per line of the input that cannot be read.
    left: by name, counts that are told where they are not zero.
  """
  with atomic.replacing(path.with_name(STATS)) as temporary:
    temporary.write_text(json.dumps(stats, indent=2) + "\n")
  report.skipped(bad)
  counts = {**left, "bad lines": len(bad)}
  rest = [f"{count} {name}" for name, count in counts.items() if count]
  print(f"{path}: {', '.join([*told, *rest])}")
