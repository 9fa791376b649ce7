"""`prm-jax label --config trees:METHOD`: labels from checked solutions.

The whole result is written under its name at the end.
"""

import dataclasses
import json
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import ml_collections

from prm_jax import errors
from prm_jax.build import fields
from prm_jax.cli import label_files
from prm_jax.data import fields as data_fields
from prm_jax.data import record_files, records
from prm_jax.eval.benchmarks import samples
from prm_jax.labelling import (
  label_stats,
  prefix_tree,
  rollouts,
  token_values,
  tree_values,
)

NAME = "trees"
_Rows: TypeAlias = Sequence[records.Solution | records.SearchSample]


@dataclasses.dataclass(frozen=True)
class RestOptions:
  """Of "rest": see `tree_values.qualities`."""

  variant: Literal["weighted", "simple"] = "weighted"


def run(config: ml_collections.ConfigDict, workdir: pathlib.Path) -> int:
  """Labels the solutions of the input and tells what the labels are like."""
  options, method = METHODS[config.trees]
  own: Any = fields.dataclass(options, config.method.to_dict(), "method")
  rows, bad = _read(config)
  try:
    labels, left = method(rows, config.completer, own)
  except errors.UserError as error:
    raise errors.UserError(f"{config.input}: {error}") from error
  if not labels:
    raise errors.UserError(
      f"{config.input}: holds no solution with a verdict: {json.dumps(left)}"
    )
  path = record_files.write(workdir / label_files.LABELS, labels)
  stats = {
    **label_stats.summarise(labels),
    "trained": label_stats.trained(labels),
    "method": config.trees,
    "left_out": left,
    "bad_lines": len(bad),
  }
  num, tokens = stats["labels"], _tokens(rows)
  # Nothing was completed for it: what the solutions themselves took.
  stats.update(
    {rollouts.COST: {"policy_tokens": tokens}, "tokens_per_label": tokens / num}
  )
  told = [f"{num} labels of {len(labels)} solutions"]
  told += [f"{k.replace('_', ' ')} {n}" for k, n in left.items() if n]
  label_files.finish(path, stats, told, bad, {})
  return 0


def _read(config: ml_collections.ConfigDict) -> tuple[_Rows, list[str]]:
  kind: Any = records.Solution
  if samples.is_search(config.input):
    kind = records.SearchSample
  found = record_files.read(config.input, kind, skip_bad=config.skip_bad)
  return found.records, found.bad


def _tokens(rows: _Rows) -> int:
  """What was written, as far as the records tell."""
  return sum(
    int(row.cost.get("policy_tokens", 0))
    if isinstance(row, records.SearchSample)
    else len(row.tokens or ())
    for row in rows
  )


_Made: TypeAlias = tuple[list[records.StepLabels], dict[str, int]]


def _steps(method: tree_values.Method) -> Callable[..., _Made]:
  def make(
    rows: _Rows, source: str, own: data_fields.NoOptions | RestOptions
  ) -> _Made:
    checked, left = tree_values.read(rows)
    return tree_values.label(checked, method, source, **vars(own)), left

  return make


def _by_token(rows: _Rows, source: str, own: data_fields.NoOptions) -> _Made:
  del own
  left = {"without_verdict": 0, "without_tokens": 0}
  kept: list[records.Solution] = []
  for index, row in enumerate(rows):
    if isinstance(row, records.SearchSample):
      raise errors.UserError(
        f"samples[{index}]: tells no tokens; expected solution records"
      )
    if row.correct is None:
      left["without_verdict"] += 1
    elif not row.tokens:
      left["without_tokens"] += 1
    else:
      kept.append(row)
  if not kept:
    return [], left
  names = [one.problem_id for one in kept]
  responses = prefix_tree.from_sequences(
    [one.tokens or () for one in kept],
    [bool(one.correct) for one in kept],
    names,
  )
  counts = prefix_tree.count(responses)
  return token_values.to_records(responses, counts, names, source), left


METHODS: Mapping[str, tuple[type, Callable[..., _Made]]] = {
  "counts": (data_fields.NoOptions, _steps("counts")),
  "tokens": (data_fields.NoOptions, _by_token),
  "alpha_math": (data_fields.NoOptions, _steps("alpha_math")),
  "rest": (RestOptions, _steps("rest")),
}
