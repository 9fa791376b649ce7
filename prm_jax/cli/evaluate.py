"""`prm-jax evaluate`: a verifier or a policy measured by a benchmark.

Scores come from a file that `score` wrote, or from a verifier in the run,
which leaves them in `scores.jsonl` for the next protocol. Every number goes to
`results.json`, with its interval and n, and `report.html` shows them.
"""

import math
import pathlib
import time
from collections.abc import Sequence

import ml_collections
import rich

from prm_jax import errors
from prm_jax.build import fields, readers
from prm_jax.cli import compilation, report
from prm_jax.cli import flags as flags_lib
from prm_jax.eval.benchmarks import base, first_errors, registry, sources
from prm_jax.reports import html, results, tables
from prm_jax.solvers import step_scores

DEFAULT_CONFIG = "processbench"
SCORES = "scores.jsonl"


def default_config(flags: flags_lib.Flags) -> str:
  """Every benchmark has one of its name."""
  if flags.benchmark is None:
    return DEFAULT_CONFIG
  registry.get(flags.benchmark)
  return flags.benchmark


def run(
  config: ml_collections.ConfigDict,
  workdir: pathlib.Path,
  flags: flags_lib.Flags,
) -> int:
  """Measures, writes and shows."""
  if flags.benchmark not in (None, config.benchmark):
    raise errors.UserError(
      f"--benchmark: {flags.benchmark!r}, but the config is one of"
      f" {config.benchmark!r}"
    )
  config.model = flags.model or flags.verifier or config.model
  config.scores = flags.scores or config.scores
  config.input = flags.input or config.input
  config.format = flags.format or config.format
  benchmark = registry.make(config.benchmark, config.protocol.to_dict())
  flags_lib.required("evaluate", "input", config.input)
  resampling = fields.dataclass(
    base.Resampling, config.bootstrap.to_dict(), "bootstrap"
  )
  source = _source(config, benchmark, workdir)
  started = time.perf_counter()
  measures = benchmark.measure(config.input, source, resampling)
  wall_s = time.perf_counter() - started
  if isinstance(source, sources.Verifier) and source.scored is not None:
    sources.write(workdir / SCORES, *source.scored)
  defined = [m for m in measures if math.isfinite(m.value)]
  undefined = [
    results.Undefined(m.name, m.metric, m.reason or str(m.value), m.n)
    for m in measures
    if not math.isfinite(m.value)
  ]
  rows = [to_row(measure) for measure in defined]
  rows.append(results.Row("evaluate", "wall_s", wall_s, wall_s=wall_s))
  results.write(
    *(workdir / results.FILE, "evaluate", config.to_dict()), rows, undefined
  )
  html.write(workdir / report.FILE, [workdir], title=config.title)
  show(rows, str(workdir))
  for line in tables.undefined_lines(undefined):
    print(line)
  print(f"report: {workdir / report.FILE}")
  return 0


def to_row(measure: base.Measure) -> results.Row:
  """As it is written."""
  return results.Row(
    name=measure.name,
    metric=measure.metric,
    value=measure.value,
    ci_low=measure.low,
    ci_high=measure.high,
    n=measure.n,
    at=measure.at,
  )


def show(rows: Sequence[results.Row], title: str) -> None:
  """Prints accuracies and all other measurements."""
  for table in (tables.accuracy_table(rows), tables.measurement_table(rows)):
    if table.groups:
      rich.print(tables.to_rich(table, title))


def _source(
  config: ml_collections.ConfigDict,
  benchmark: base.Benchmark,
  workdir: pathlib.Path,
) -> base.Source:
  """Where the user says scores come from."""
  given = [name for name in ("model", "scores") if config[name]]
  if len(given) > 1:
    raise errors.UserError("give either --scores FILE or --model DIR, not both")
  if given and not benchmark.needs_scores:
    raise errors.UserError(
      f"--{given[0]}: benchmark {config.benchmark} scores nothing"
    )
  if config.scores:
    return sources.File(config.scores, _held_out_scores(benchmark))
  if not config.model:
    return base.Absent()
  compilation.keep(workdir)
  reader = readers.load(
    config.model,
    format_name=config.format,
    joining=config.scoring.joining,
    dtype=config.scoring.dtype,
  )
  limits = [n for n in (config.scoring.max_tokens, reader.max_tokens) if n]
  scorer = step_scores.StepScorer(
    reader.reading,
    reader.params,
    reader.encode,
    step_scores.ScoringConfig(
      batch_tokens=config.scoring.batch_tokens,
      max_tokens=min(limits, default=0),
      overlong=config.scoring.overlong,
    ),
  )
  return sources.Verifier(scorer)


def _held_out_scores(benchmark: base.Benchmark) -> str:
  """Of what a threshold is chosen on; only ProcessBench has that."""
  if isinstance(benchmark, first_errors.Scored):
    return benchmark.threshold.scores
  return ""
