"""`prm-jax score`: step scores of given solutions.

Scores are appended to `scores.jsonl` chunk by chunk, in the order of the
input; the same command after a kill goes on with what is not there yet.
"""

import json
import pathlib
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import ml_collections
import numpy as np

from prm_jax import errors
from prm_jax.checkpoint import disk
from prm_jax.cli import compilation, report, scorers
from prm_jax.cli import flags as flags_lib
from prm_jax.data import appended, solution_files
from prm_jax.reports import results
from prm_jax.search import aggregate

DEFAULT_CONFIG = "score"
VOLATILE = (
  "config.batch_tokens",
  "config.chunk",
  "config.generative.batch_size",
)
SCORES = "scores.jsonl"


def run(
  config: ml_collections.ConfigDict,
  workdir: pathlib.Path,
  flags: flags_lib.Flags,
) -> int:
  """Scores the input's solutions and tells how many got none."""
  config.model = flags.model or flags.verifier or config.model
  config.input = flags.input or config.input
  config.format = flags.format or config.format
  flags_lib.required("score", "model", config.model)
  flags_lib.required("score", "input", config.input)
  if config.chunk < 1:
    raise errors.UserError("chunk: must be at least 1")
  compilation.keep(workdir)
  scorer = scorers.load(config)
  rule = config.aggregate or scorer.aggregate
  aggregate.by_name(rule)
  found = solution_files.read(
    config.input, config.split or scorer.split, config.skip_bad
  )
  items, texts, bad = _encode(found.items, scorer, config)
  path = workdir / SCORES
  done = _already(path, items)
  started = time.perf_counter()
  with report.progress("score", len(items)) as tell:
    for start in range(done, len(items), config.chunk):
      part = slice(start, start + config.chunk)
      names = [f"{config.input}:{item.line}" for item in items[part]]
      scored = scorer.score(texts[part], names, _shifted(tell, start))
      lines = _lines(items[part], scored, scorer.format_name, rule)
      disk.append(path, map(json.dumps, lines))
  wall_s = time.perf_counter() - started
  written = appended.rows(path)
  rows = _summarise(written, len(found.bad) + len(bad), wall_s)
  results.write(workdir / results.FILE, "score", config.to_dict(), rows)
  _tell([*found.bad, *bad], rows, path)
  if note := scorer.note(written):
    print(note)
  return 0


def _shifted(tell: Callable[[int], None], start: int) -> Callable[[int], None]:
  """Counts from the beginning of the input."""
  return lambda done: tell(start + done)


def _encode(
  items: Sequence[solution_files.Item],
  scorer: scorers.Scorer,
  config: ml_collections.ConfigDict,
) -> tuple[list[solution_files.Item], list[Any], list[str]]:
  """The items that can be read, as scored, and a line per other."""
  where = config.input
  good, texts, bad = [], [], []
  for item in items:
    try:
      texts.append(scorer.encode(item))
      good.append(item)
    except errors.UserError as error:
      bad.append(f"{where}:{item.line}: {error}")
      if not config.skip_bad:
        raise errors.UserError(bad[-1]) from error
  if not good:
    raise errors.UserError(f"{where}: holds no solution; {bad[0]}")
  return good, texts, bad


def _lines(
  items: Sequence[solution_files.Item],
  scored: Sequence[scorers.Result],
  format_name: str,
  rule: str,
) -> list[dict[str, Any]]:
  """What is told of each solution."""
  none = np.zeros(0, np.float32)
  rows = [none if one.scores is None else one.scores for one in scored]
  count = np.array([len(row) for row in rows])
  padded = np.zeros((len(rows), max(int(count.max()), 1)), np.float32)
  for place, row in zip(padded, rows, strict=True):
    place[: len(row)] = row
  fn = aggregate.by_name(rule)
  whole = np.asarray(fn(jnp.asarray(padded), jnp.asarray(count)))
  return [
    _line(item, one, float(score), format_name, rule)
    for item, one, score in zip(items, scored, whole, strict=True)
  ]


def _line(
  item: solution_files.Item,
  scored: scorers.Result,
  score: float,
  format_name: str,
  rule: str,
) -> dict[str, Any]:
  line: dict[str, Any] = {
    "line": item.line,
    "problem_id": item.problem.id,
    "format": format_name,
    **scored.told,
  }
  if scored.scores is None:
    return {**line, "scores": None}
  return {
    **line,
    "scores": [float(value) for value in scored.scores],
    "aggregate": rule,
    "score": score,
  }


def _already(path: pathlib.Path, items: Sequence[solution_files.Item]) -> int:
  """How many are scored; a half-written last line is cut.

  Raises:
    UserError: the file is not the beginning of this input's scores.
  """
  appended.mend(path)
  lines = appended.rows(path)
  expected = [(item.line, item.problem.id) for item in items[: len(lines)]]
  if [(row.get("line"), row.get("problem_id")) for row in lines] != expected:
    raise errors.UserError(f"{path}: holds scores of another input")
  return len(lines)


def _summarise(
  lines: Sequence[dict[str, Any]], num_bad: int, wall_s: float
) -> list[results.Row]:
  good = [line for line in lines if line["scores"] is not None]
  counts = {
    "solutions": len(good),
    "steps": sum(len(line["scores"]) for line in good),
    "tokens": sum(line["num_tokens"] for line in good),
    "skipped": len(lines) - len(good),
    "truncated": sum("num_dropped" in line for line in lines),
    "bad_lines": num_bad,
  }
  means = [line["score"] for line in good]
  return [
    *(results.Row("score", name, value) for name, value in counts.items()),
    *(
      [results.Row("score", "mean", float(np.mean(means)), n=len(good),
                   wall_s=wall_s)] if good else []
    ),
  ]  # fmt: skip


def _tell(
  bad: Sequence[str], rows: Sequence[results.Row], path: pathlib.Path
) -> None:
  report.skipped(bad)
  told = ", ".join(f"{row.value:.6g} {row.metric}" for row in rows)
  print(f"{path}: {told}")
