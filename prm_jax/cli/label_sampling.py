"""`prm-jax label --config difficulty`: more samples of harder problems.

Judged samples are appended to `draws.jsonl` chunk by chunk. As a problem's
d-th sample is always the same, the command after a kill reads those that are
there and draws the others.
"""

import json
import pathlib
import time
from collections.abc import Callable, Sequence
from typing import TypeAlias

import ml_collections

from prm_jax import errors
from prm_jax.build import fields
from prm_jax.checkpoint import disk
from prm_jax.cli import (
  compilation,
  label_files,
  label_policy,
  label_problems,
  policies,
)
from prm_jax.data import (
  appended,
  atomic,
  problem_files,
  record_files,
  records,
)
from prm_jax.labelling import difficulty
from prm_jax.solvers import prompts
from prm_jax.solvers import rollouts as completions
from prm_jax.tasks import base as tasks

NAME = "difficulty"
DRAWS, SOLUTIONS = "draws.jsonl", "solutions.jsonl"
DRAW, TOKENS = "draw", "num_tokens"  # what a record has in `extra`
# problems -> samples of each
WriteFn: TypeAlias = Callable[
  [Sequence[tasks.Problem]], Sequence[Sequence[completions.Rollout]]
]


class Journal:
  """Samples by problem and number, each drawn once and kept in a file.

  Args:
    path: of the file; what it holds is not drawn again.
    write_fn: `width` samples of each problem, which depend on its id alone.
    width: see there.
    chunk: problems between two writes.
    source: who writes, for the records.
  """

  def __init__(
    self,
    path: pathlib.Path,
    write_fn: WriteFn,
    *,
    width: int,
    chunk: int,
    source: str,
  ):
    self._path, self._write_fn = path, write_fn
    self._width, self._chunk, self._source = width, chunk, source
    self.known: dict[tuple[str, int], records.Solution] = {}
    appended.mend(path)
    for one in appended.read(path, records.Solution):
      self.known[one.problem_id, int(one.extra[DRAW])] = one

  def __call__(
    self, problems: Sequence[tasks.Problem], draws: Sequence[int]
  ) -> list[records.Solution]:
    """See `difficulty.SampleFn`."""
    turns = {
      (problem.id, draw // self._width): problem
      for problem, draw in zip(problems, draws, strict=True)
      if (problem.id, draw) not in self.known
    }
    missing = list(turns.items())
    for start in range(0, len(missing), self._chunk):
      self._draw(missing[start : start + self._chunk])
    pairs = zip(problems, draws, strict=True)
    return [self.known[problem.id, draw] for problem, draw in pairs]

  def _draw(
    self, part: Sequence[tuple[tuple[str, int], tasks.Problem]]
  ) -> None:
    asked = [prompts.of_turn(problem, turn) for (_, turn), problem in part]
    made = [
      self._record(name, turn * self._width + row, one)
      for ((name, turn), _), rows in zip(
        part, self._write_fn(asked), strict=True
      )
      for row, one in enumerate(rows)
    ]
    # A turn that a kill has cut is drawn as a whole again.
    fresh = {
      (one.problem_id, one.extra[DRAW]): one
      for one in made
      if (one.problem_id, one.extra[DRAW]) not in self.known
    }
    disk.append(self._path, map(records.to_json, fresh.values()))
    self.known |= fresh

  def _record(
    self, problem_id: str, draw: int, one: completions.Rollout
  ) -> records.Solution:
    return records.Solution(
      problem_id,
      one.steps,
      correct=one.correct if one.known else None,
      source=self._source,
      extra={DRAW: draw, TOKENS: one.num_tokens},
    )


def run(config: ml_collections.ConfigDict, workdir: pathlib.Path) -> int:
  """Samples the input's problems and tells what was kept."""
  own = fields.dataclass(difficulty.Config, config[NAME].to_dict(), NAME)
  if own.rule == "difficulty" and config.num_shards > 1:
    raise errors.UserError(
      "num_shards: difficulty.rule 'difficulty' compares all problems, in one "
      "process"
    )
  completer = label_policy.load(config)
  found = problem_files.read(config.input, config.skip_bad)
  found, longest = label_problems.encodable(config, completer, found)
  compilation.keep(workdir)
  searching = label_policy.sampler(config, completer, own.batch, longest)
  notation = policies.notation(completer.policy)
  shard = lambda name: record_files.shard_path(
    workdir / name, config.shard, config.num_shards
  )
  sample = Journal(
    shard(DRAWS),
    lambda problems: completions.write(
      *(searching, completer.task, notation),
      *(problems, [()] * len(problems)),
    ),
    width=own.batch,
    chunk=config.chunk,
    source=completer.name,
  )
  started, before = time.perf_counter(), len(sample.known)
  items = found.items[config.shard :: config.num_shards]
  made = difficulty.sample([problem for _, problem in items], sample, own)
  wall_s = time.perf_counter() - started - searching.compile_s
  kept = [one for each in made for one in each.right]
  path = record_files.write(shard(SOLUTIONS), kept)
  _write_rows(shard(label_files.SEARCHES), items, made)
  stats = {
    **difficulty.summarise(made),
    "drawn": len(sample.known),  # a turn is drawn as a whole
    "policy_tokens": sum(x.extra[TOKENS] for x in sample.known.values()),
    "bad_lines": len(found.bad),
    # Of this process alone, compilation left out.
    "wall_s": wall_s,
    "samples_per_s": (len(sample.known) - before) / wall_s,
  }
  told = [
    f"{stats['kept']} of {stats['wanted']} wanted solutions",
    f"{stats['problems']} problems ({stats['unsolved']} unsolved)",
    f"{stats['samples']} samples",
    f"{stats['policy_tokens']} tokens",
  ]
  left = {
    "without verdict": stats["without_verdict"],
    "problems of which no sample has a verdict": stats["unjudged"],
  }
  label_files.finish(path, stats, told, found.bad, left)
  return 0


def _write_rows(
  path: pathlib.Path,
  items: Sequence[tuple[int, tasks.Problem]],
  made: Sequence[difficulty.Sampled],
) -> None:
  rows = [
    {
      "line": line,
      "problem_id": problem.id,
      "wanted": one.wanted,
      "kept": len(one.right),
      "right": one.num_right,
      "known": one.num_known,
      "samples": one.num_samples,
    }
    for (line, problem), one in zip(items, made, strict=True)
  ]
  with atomic.replacing(path) as temporary:
    temporary.write_text("".join(json.dumps(row) + "\n" for row in rows))
