"""Training and held-out examples from public data sets."""

import dataclasses
import pathlib
from typing import Any, Literal

import ml_collections

from prm_jax import errors
from prm_jax.build import encoding, fields
from prm_jax.build.objectives import registry as objectives
from prm_jax.cli import record_examples
from prm_jax.data import examples as examples_lib
from prm_jax.data import public, sources
from prm_jax.data.formats import registry
from prm_jax.labelling import targets
from prm_jax.text import hf_tokenizer
from prm_jax.text import tokenizer as tokenizer_lib


@dataclasses.dataclass(frozen=True)
class SourceGroup:
  """The config's group `source`.

  Attributes:
    format: see `data.public.SourceConfig`.
    path: file or folder to train on.
    eval_path: held-out file or folder, "" for none.
    skip_bad: see there.
    storage: see there.
    options: of the format, such as `neutral` of PRM800K.
  """

  format: str
  path: str
  eval_path: str = ""
  skip_bad: bool = False
  storage: Literal["rows", "array_record"] = "rows"
  options: dict[str, Any] = dataclasses.field(default_factory=dict)

  def config(self, path: str) -> public.SourceConfig:
    return public.SourceConfig(self.format, path, self.skip_bad, self.storage)


def load(
  config: ml_collections.ConfigDict,
  tokenizer: tokenizer_lib.Tokenizer | hf_tokenizer.HfTokenizer,
  data_dir: pathlib.Path,
) -> tuple[examples_lib.Examples, examples_lib.Examples | None]:
  """Examples of the config's objective, and held-out ones.

  Args:
    config: with the groups `source` and `encoding`.
    tokenizer: of the model to train.
    data_dir: of prepared data sets.
  """
  for name in ("source", "encoding"):
    if name not in config:
      raise errors.UserError(
        f"examples.source: 'public' needs the config's group {name!r}, see "
        "configs/public_labels.py"
      )
  group = fields.dataclass(SourceGroup, config.source.to_dict(), "source")
  options: Any = fields.dataclass(
    registry.get(group.format).options, group.options, "source.options"
  )
  encode_fn = encoding.encode_fn(
    tokenizer,
    fields.dataclass(
      encoding.EncodingConfig, config.encoding.to_dict(), "encoding"
    ),
  )
  paths = [group.path, *([group.eval_path] if group.eval_path else [])]
  made = [
    _examples(config, group.config(path), options, encode_fn, data_dir)
    for path in paths
  ]
  return made[0], made[1] if group.eval_path else None


def _examples(
  config: ml_collections.ConfigDict,
  source: public.SourceConfig,
  options: Any,
  encode_fn: encoding.EncodeFn,
  data_dir: pathlib.Path,
) -> examples_lib.Examples:
  objective = record_examples.objective(config)
  entry = objectives.get(objective.name)
  if entry.records == "pairs" or entry.examples == "judgements":
    raise errors.UserError(
      f"examples.source: objective {objective.name!r} learns from 'files'"
    )
  try:
    if entry.records == "labels":
      problems, labels = public.labelled(source, options, data_dir)
      return targets.from_labels(encode_fn, problems, labels, entry.examples)
    solved = public.solved(source, options, data_dir)
    return targets.from_solutions(
      objective, _encoded(encode_fn, solved), record_examples.tree(config)
    )
  except errors.UserError as error:
    told = str(error)
    if source.path in told or told.startswith("source"):
      raise
    raise errors.UserError(f"{source.path}: {told}") from error


def _encoded(
  encode_fn: encoding.EncodeFn, solved: sources.Solved
) -> sources.Encoded:
  """Solutions as tokens; those without a step are told and left out."""
  kept = [one for one in solved.solutions if one.steps]
  if len(kept) < len(solved.solutions):
    print(f"left out: {len(solved.solutions) - len(kept):,} empty solutions")
  tokens = [
    encode_fn(solved.problems[one.problem_id].prompt, one.steps) for one in kept
  ]
  return sources.Encoded(kept, tokens, [])
