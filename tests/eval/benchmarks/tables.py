"""Files and sources that tests of the benchmarks share."""

import json
import pathlib

from prm_jax.data import record_files
from prm_jax.eval.benchmarks import base, registry, sources

FEW = base.Resampling(num_resamples=200)


def lines(path: pathlib.Path, *rows) -> str:
  path.write_text("".join(json.dumps(row) + "\n" for row in rows))
  return str(path)


def records(path: pathlib.Path, *rows) -> str:
  record_files.write(path, rows)
  return str(path)


def scored(path: pathlib.Path, *scores) -> sources.File:
  return sources.File(lines(path, *({"scores": own} for own in scores)))


def measure(name, path, source=None, **protocol):
  """{(name, metric): measure} of a benchmark, curves left out."""
  benchmark = registry.make(name, protocol)
  found = benchmark.measure(str(path), source or base.Absent(), FEW)
  return {(m.name, m.metric): m for m in found if m.at is None}
