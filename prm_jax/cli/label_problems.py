"""`prm-jax label --config omega`: labels of problems, from trees of rollouts.

Labels, pairs of siblings and a line per problem are appended to
`labels.jsonl`, `pairs.jsonl` and `searches.jsonl` chunk by chunk. The last
says what is done: the same command after a kill cuts off what lies behind it
and goes on.
"""

import collections
import functools
import itertools
import json
import pathlib
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import ml_collections
import numpy as np

from prm_jax import errors
from prm_jax.build import fields
from prm_jax.checkpoint import disk
from prm_jax.cli import (
  compilation,
  label_files,
  label_policy,
  policies,
  report,
)
from prm_jax.cli.label_files import LABELS, PAIRS, SEARCHES
from prm_jax.data import appended, problem_files, record_files, records
from prm_jax.labelling import label_stats, omega, omega_tree, pairs, rollouts
from prm_jax.solvers import prompts
from prm_jax.solvers import rollouts as completions
from prm_jax.tasks import base as tasks

NAME = "omega"
_Items = Sequence[tuple[int, tasks.Problem]]
_Row = dict[str, Any]


def run(config: ml_collections.ConfigDict, workdir: pathlib.Path) -> int:
  """Searches the input's problems and tells what the labels are like."""
  own = fields.dataclass(omega_tree.OmegaConfig, config[NAME].to_dict(), NAME)
  pairing = fields.dataclass(pairs.PairConfig, config.pairs.to_dict(), "pairs")
  completer = label_policy.load(config)
  found = problem_files.read(config.input, config.skip_bad)
  found, longest = encodable(config, completer, found)
  compilation.keep(workdir)
  write = _Writer(config, completer, own.num, longest)
  label_fn = functools.partial(
    omega.label,
    write_fn=write,
    config=own,
    completer=completer.name,
    fits_fn=write.fits,
  )
  files = _Files(workdir, config.shard, config.num_shards)
  items = found.items[config.shard :: config.num_shards]
  done = files.resume(items)
  with report.progress("label", len(items)) as tell:
    for start in range(len(done), len(items), config.chunk):
      part = items[start : start + config.chunk]
      done += files.append(part, label_fn(part), pairing)
      tell(len(done))
  stats = _stats(files.labels(), done, write)
  stats.update(bad_lines=len(found.bad), other_records=found.others)
  _finish(files.paths[LABELS], stats, found.bad)
  return 0


def encodable(
  config: ml_collections.ConfigDict,
  completer: label_policy.Completer,
  found: problem_files.Read,
) -> tuple[problem_files.Read, int]:
  """Problems that the policy can read, and the tokens of the longest."""
  notation = policies.notation(completer.policy)
  items, bad, longest = [], list(found.bad), 0
  for line, problem in found.items:
    try:
      begun = prompts.begin(notation, problem, ())
    except errors.UserError as error:
      bad.append(f"{config.input}:{line}: {error}")
      if not config.skip_bad:
        raise errors.UserError(bad[-1]) from error
    else:
      items.append((line, problem))
      longest = max(longest, len(begun.tokens))
  if not items:
    raise errors.UserError(f"{config.input}: holds no problem; {bad[0]}")
  return problem_files.Read(items, bad, found.others), longest


class _Writer:
  """Completes prefixes by the policy, and knows where it can go on."""

  def __init__(
    self,
    config: ml_collections.ConfigDict,
    completer: label_policy.Completer,
    num: int,
    longest: int,
  ):
    self._task = completer.task
    self._notation = policies.notation(completer.policy)
    # Prefixes that are longer than what can be written in one go are not gone
    # on from, see `fits`.
    longest += config.solver.max_tokens
    self._searching = label_policy.sampler(config, completer, num, longest)
    self._room = label_policy.prompt_tokens(config, longest)
    self.wall_s = 0.0

  def __call__(
    self,
    problems: Sequence[tasks.Problem],
    steps: Sequence[tuple[str, ...]],
  ) -> list[list[completions.Rollout]]:
    self._searching.program  # noqa: B018, compiled outside of the time
    started = time.perf_counter()
    found = completions.write(
      self._searching, self._task, self._notation, problems, steps
    )
    self.wall_s += time.perf_counter() - started
    return found

  def fits(self, problem: tasks.Problem, steps: tuple[str, ...]) -> bool:
    """Whether the text can be read again, and has room."""
    try:
      begun = prompts.begin(self._notation, problem, steps)
    except errors.UserError:
      return False
    return len(begun.tokens) <= self._room


class _Files:
  """What is appended, and how far it goes."""

  def __init__(self, workdir: pathlib.Path, shard: int, num_shards: int):
    self.paths = {
      name: record_files.shard_path(workdir / name, shard, num_shards)
      for name in (LABELS, PAIRS, SEARCHES)
    }

  def resume(self, items: _Items) -> list[_Row]:
    """The problems that are done; what lies behind them is cut off.

    Raises:
      UserError: the files are not of the beginning of this input.
    """
    path = self.paths[SEARCHES]
    done = appended.rows(path)
    for number, row in enumerate(done):
      expected = items[number] if number < len(items) else (0, None)
      if expected[1] is None or (row.get("line"), row.get("problem_id")) != (
        *(expected[0], expected[1].id),
      ):
        raise errors.UserError(f"{path}:{number + 1}: is of another input")
    keep(path, len(done))
    for name, counter in ((LABELS, "labels"), (PAIRS, "pairs")):
      keep(self.paths[name], sum(row[counter] for row in done))
    return done

  def append(
    self,
    part: _Items,
    found: Sequence[omega.Searched],
    pairing: pairs.PairConfig,
  ) -> list[_Row]:
    """Writes a chunk, what says that it is done at last."""
    made = [pairs.from_labels(one.labels, pairing) for one in found]
    rows = [
      {
        "line": line,
        "problem_id": problem.id,
        **one.told,
        "labels": len(one.labels),
        "pairs": len(own),
      }
      for (line, problem), one, own in zip(part, found, made, strict=True)
    ]
    labels = itertools.chain.from_iterable(one.labels for one in found)
    disk.append(self.paths[LABELS], map(records.to_json, labels))
    every = itertools.chain.from_iterable(made)
    disk.append(self.paths[PAIRS], map(records.to_json, every))
    disk.append(self.paths[SEARCHES], map(json.dumps, rows))
    return rows

  def labels(self) -> list[records.StepLabels]:
    """All that are written."""
    return appended.read(self.paths[LABELS], records.StepLabels)


def keep(path: pathlib.Path, num: int) -> None:
  """Cuts a file off behind so many lines."""
  lines = appended.whole_lines(path)
  if len(lines) < num:
    raise errors.UserError(
      f"{path}: has {len(lines)} lines, {SEARCHES} tells of {num}"
    )
  appended.keep(path, lines[:num])


class _Totals(NamedTuple):
  outcomes: Mapping[str, int]
  root: float | None


def _totals(done: Sequence[_Row]) -> _Totals:
  known = [r["n_correct"] / r["n_total"] for r in done if r["n_total"]]
  return _Totals(
    dict(collections.Counter(row["outcome"] for row in done)),
    float(np.mean(known)) if known else None,
  )


def _stats(
  labels: Sequence[records.StepLabels], done: Sequence[_Row], write: _Writer
) -> dict[str, Any]:
  """Those of labels; the cost is that of all problems, labelled or not."""
  stats = label_stats.summarise(labels)
  cost = {
    name: sum(row[rollouts.COST][name] for row in done)
    for name in rollouts.Cost._fields
  }
  num = stats["labels"]
  totals = _totals(done)
  stats.update(
    problems=len(done),
    outcomes=totals.outcomes,
    root_value=totals.root,
    searches=sum(row["searches"] for row in done),
    unusable=sum(row["unusable"] for row in done),
    pairs=sum(row["pairs"] for row in done),
    cost=cost,
    tokens_per_label=cost["policy_tokens"] / num if num else None,
    # Of the policy in this process alone.
    wall_s=write.wall_s,
  )
  return stats


def _finish(
  path: pathlib.Path, stats: Mapping[str, Any], bad: Sequence[str]
) -> None:
  outcomes = [f"{count} {name}" for name, count in stats["outcomes"].items()]
  cost = stats[rollouts.COST]
  told = [
    f"{stats['labels']} labels and {stats['pairs']} pairs",
    f"{stats['problems']} problems ({', '.join(outcomes)})",
    f"{stats['searches']} searches",
    f"{cost['states']} states",
    f"{cost['policy_tokens']} tokens",
  ]
  left = {
    "completions without verdict": cost["unknown"],
    "unfinished completions": cost["unfinished"],
    "rollouts that cannot be gone on from": stats["unusable"],
    "records that are no problems": stats["other_records"],
  }
  label_files.finish(path, stats, told, bad, left)
