"""Examples from record files for models whose tokenizer is a public one."""

from collections.abc import Mapping

import ml_collections

from prm_jax import errors
from prm_jax.build import encoding, fields
from prm_jax.build.objectives import registry as objectives
from prm_jax.data import examples as examples_lib
from prm_jax.data import record_files, records, sources
from prm_jax.labelling import targets, token_values
from prm_jax.text import hf_tokenizer


def load(
  config: ml_collections.ConfigDict,
  files: Mapping[str, str],
  prefix: str,
  tokenizer: hf_tokenizer.HfTokenizer,
) -> examples_lib.Examples:
  """Examples of the config's objective.

  Args:
    config: of a training run, with the group `encoding`.
    files: paths by kind: problems, solutions, labels.
    prefix: of the fields that name the files.
    tokenizer: of the model to train.

  Raises:
    UserError: names the field that is empty, or file and record.
  """
  if "encoding" not in config:
    raise errors.UserError(
      "examples.source: a public tokenizer needs the config's group "
      "'encoding', see configs/finetune.py"
    )
  kind = objectives.get(config.objective.name).records
  for name in ("problems", kind):
    if not files[name]:
      raise errors.UserError(f"examples.{prefix}{name}: no file given")
  encode_fn = encoding.encode_fn(
    tokenizer,
    fields.dataclass(
      encoding.EncodingConfig, config.encoding.to_dict(), "encoding"
    ),
  )
  try:
    if kind == "labels":
      problems = record_files.read(files["problems"], records.Problem).records
      labels = record_files.read(files[kind], records.StepLabels).records
      by_id = {problem.id: problem for problem in problems}
      return targets.from_labels(encode_fn, by_id, labels)
    solved = sources.from_files(files["problems"], files[kind])
    return targets.from_solutions(
      config.objective.name,
      _encoded(encode_fn, solved),
      reduction=config.objective.reduction,
      tree=fields.dataclass(
        token_values.TreeConfig, config.tree.to_dict(), "tree"
      ),
    )
  except errors.UserError as error:
    told = str(error)
    if any(path and path in told for path in files.values()):
      raise
    raise errors.UserError(f"{files[kind]}: {told}") from error


def _encoded(
  encode_fn: encoding.EncodeFn, solved: sources.Solved
) -> sources.Encoded:
  tokens = []
  for index, one in enumerate(solved.solutions):
    if one.problem_id not in solved.problems:
      raise errors.UserError(
        f"solutions[{index}].problem_id: no problem {one.problem_id!r}"
      )
    if not one.steps:
      raise errors.UserError(f"solutions[{index}].steps: the solution has none")
    prompt = solved.problems[one.problem_id].prompt
    try:
      tokens.append(encode_fn(prompt, one.steps))
    except errors.UserError as error:
      raise errors.UserError(f"solutions[{index}].{error}") from error
  return sources.Encoded(solved.solutions, tokens, [])
