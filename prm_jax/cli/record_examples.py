"""Examples from record files, in the tokens of any model."""

import functools
from collections.abc import Mapping

import ml_collections

from prm_jax import errors
from prm_jax.build import encoding, fields
from prm_jax.build.objectives import base
from prm_jax.build.objectives import registry as objectives
from prm_jax.data import examples as examples_lib
from prm_jax.data import lists, record_files, records, sources
from prm_jax.labelling import (
  judgement_targets,
  list_targets,
  targets,
  token_values,
)
from prm_jax.text import hf_tokenizer
from prm_jax.text import steps as steps_lib
from prm_jax.text import tokenizer as tokenizer_lib


def objective(config: ml_collections.ConfigDict) -> base.ObjectiveConfig:
  """The config's objective."""
  return fields.dataclass(
    base.ObjectiveConfig, config.objective.to_dict(), "objective"
  )


def tree(config: ml_collections.ConfigDict) -> token_values.TreeConfig:
  """How prefix trees are counted."""
  return fields.dataclass(
    token_values.TreeConfig, config.tree.to_dict(), "tree"
  )


def load(
  config: ml_collections.ConfigDict,
  files: Mapping[str, str],
  prefix: str,
  tokenizer: tokenizer_lib.Tokenizer | hf_tokenizer.HfTokenizer,
) -> examples_lib.Examples:
  """Examples of the config's objective.

  Args:
    config: of a training run; with the group `encoding` where the tokenizer
      is a public one.
    files: paths by kind: problems, solutions, labels, pairs.
    prefix: of the fields that name the files.
    tokenizer: of the model to train.

  Raises:
    UserError: names the field that is empty, or file and record.
  """
  own = objective(config)
  kind = objectives.get(own.name).records
  for name in ("problems", kind):
    if not files[name]:
      raise errors.UserError(f"examples.{prefix}{name}: no file given")
  encode_fn = _encode_fn(config, tokenizer, is_open=kind == "pairs")
  try:
    if kind == "solutions":
      solved = sources.from_files(files["problems"], files[kind])
      return targets.from_solutions(
        own, _encoded(encode_fn, solved), tree(config)
      )
    problems = record_files.read(files["problems"], records.Problem).records
    by_id = {problem.id: problem for problem in problems}
    if kind == "labels":
      labels = record_files.read(files[kind], records.StepLabels).records
      return _labelled(config, own, tokenizer, encode_fn, by_id, labels)
    pairs = record_files.read(files[kind], records.StepPair).records
    return _paired(own, encode_fn, by_id, pairs)
  except errors.UserError as error:
    told = str(error)
    if any(path and path in told for path in files.values()):
      raise
    raise errors.UserError(f"{files[kind]}: {told}") from error


def _encode_fn(config, tokenizer, *, is_open):
  """Of prompt and steps; `is_open`: something may follow the last step."""
  if isinstance(tokenizer, tokenizer_lib.Tokenizer):
    return functools.partial(
      steps_lib.encode_solution, tokenizer, finished=not is_open
    )
  if "encoding" not in config:
    raise errors.UserError(
      "examples.source: a public tokenizer needs the config's group "
      "'encoding', see configs/finetune.py"
    )
  return encoding.encode_fn(
    tokenizer,
    fields.dataclass(
      encoding.EncodingConfig, config.encoding.to_dict(), "encoding"
    ),
  )


def _labelled(config, own, tokenizer, encode_fn, problems, labels):
  kind = objectives.get(own.name).examples
  if kind != "judgements":
    return targets.from_labels(encode_fn, problems, labels, kind)
  if "judgement" not in config:
    raise errors.UserError(
      "objective.name: 'judgement' needs the config's group 'judgement', see "
      "configs/chain_verifier.py"
    )
  said = fields.dataclass(
    judgement_targets.JudgementConfig, config.judgement.to_dict(), "judgement"
  )
  return judgement_targets.from_labels(
    encode_fn, tokenizer.encode, problems, labels, said
  )


def _paired(own, encode_fn, problems, pairs):
  entry = objectives.get(own.name)
  form = objectives.form(own)
  needs_values = own.alpha != 0 or form in ("soft", "scaled")
  return list_targets.from_pairs(
    encode_fn,
    problems,
    pairs,
    lists.to_ends if entry.examples == "pair_ends" else lists.to_tokens,
    needs_values=needs_values or own.name == "regression_preference",
    needs_visits=form == "visits",
  )


def _encoded(
  encode_fn: encoding.EncodeFn, solved: sources.Solved
) -> sources.Encoded:
  tokens = []
  for index, one in enumerate(solved.solutions):
    where = f"solutions[{index}]"
    problem = sources.problem_of(
      solved.problems, one.problem_id, f"{where}.problem_id"
    )
    if not one.steps:
      raise errors.UserError(f"{where}.steps: the solution has none")
    try:
      tokens.append(encode_fn(problem.prompt, one.steps))
    except errors.UserError as error:
      raise errors.UserError(f"{where}.{error}") from error
  return sources.Encoded(solved.solutions, tokens, [])
