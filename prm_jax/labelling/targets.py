"""Solutions and labels to the training examples of an objective."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np

from prm_jax import errors
from prm_jax.build import encoding
from prm_jax.build.objectives import base, registry
from prm_jax.data import examples as examples_lib
from prm_jax.data import records, sources, step_values, transforms
from prm_jax.labelling import (
  advantages,
  counts,
  first_errors,
  list_targets,
  token_values,
)
from prm_jax.tasks import base as tasks
from prm_jax.text import steps as steps_lib

EncodeFn: TypeAlias = encoding.EncodeFn
OF_ORACLE = ("steps", "hazards")  # kinds that an oracle's verdicts make


def from_solutions(
  objective: base.ObjectiveConfig,
  encoded: sources.Encoded,
  tree: token_values.TreeConfig | None = None,
) -> examples_lib.Examples:
  """Examples of an objective that learns from solutions.

  Args:
    objective: see there.
    encoded: solutions; all but "sft" need their verdicts.
    tree: of "tvm".
  """
  kind, reduction = registry.get(objective.name).examples, objective.reduction
  groups = np.unique(encoded.problem_ids, return_inverse=True)[1]
  if kind == "next_tokens":
    rows = [transforms.to_sft(s, reduction=reduction) for s in encoded.encoded]
    return examples_lib.from_dicts(rows, groups=groups)
  if kind == "lists":
    return list_targets.from_lists(encoded, objective.list_size)
  outcomes = encoded.outcomes
  if kind == "tree":
    return token_values.value_examples(
      encoded.encoded,
      outcomes,
      encoded.problem_ids,
      tree or token_values.TreeConfig(),
      reduction=reduction,
    )
  pairs = list(zip(encoded.encoded, outcomes.tolist(), strict=True))
  if kind == "outcome":
    rows = [transforms.to_orm(s, z) for s, z in pairs]
  elif kind == "outcomes":
    rows = [transforms.to_ovm(s, z, reduction=reduction) for s, z in pairs]
  elif kind == "step_outcomes":
    rows = [
      transforms.to_step_labels(s, np.full(len(s.step_end), z, np.float32))
      for s, z in pairs
    ]
  else:
    raise ValueError(f"no examples {kind!r} are made of solutions")
  return examples_lib.from_dicts(rows, groups=groups)


def from_oracle(
  task: tasks.Task,
  problems: Mapping[str, tasks.Problem],
  encoded: sources.Encoded,
  kind: str = "steps",
) -> examples_lib.Examples:
  """Step labels by the task's own oracle: 1 while the step is valid.

  Steps after the first invalid one get no loss (arXiv 2305.20050). `kind` is
  one of `OF_ORACLE`, see `from_labels`; every error is located.
  """
  rows, groups = [], []
  group_of = {name: i for i, name in enumerate(problems)}
  pairs = zip(encoded.solutions, encoded.encoded, strict=True)
  for solution, tokens in pairs:
    if not len(tokens.step_end):
      continue  # nothing was written
    valid = task.oracle(problems[solution.problem_id], solution.steps).valid
    first = valid.index(False) if False in valid else -1
    labels = np.array(valid, np.int32)
    row = transforms.to_step_labels(tokens, labels, first_error=first)
    rows.append(_censored(row, tokens, False) if kind == "hazards" else row)
    groups.append(group_of[solution.problem_id])
  return examples_lib.from_dicts(rows, groups=groups)


def from_labels(
  encode_fn: EncodeFn,
  problems: Mapping[str, tasks.Problem],
  labels: Sequence[records.StepLabels],
  kind: str = "steps",
) -> examples_lib.Examples:
  """Step labels of records, see `data.step_values`.

  Classes become probabilities where any of the records has probabilities:
  the other way round they would be rounded.

  Args:
    encode_fn: of prompt and steps.
    problems: by id.
    labels: of these problems.
    kind: "steps"; "ratings", human ones, as three classes from wrong to right
      (PRM800K, arXiv 2305.20050); "prompt_and_steps", the prompt's last token
      learns its chance of success, too, `extra["root"]`, or `extra["start"]`
      where `advantages` made the probabilities; "policy_steps", the
      column `policy_weights` is 1 at the tokens of solutions that end right;
      "hazards", the column `censored` is 1 at the steps of solutions without
      labels that `first_errors` says are wrong.

  Raises:
    UserError: names the record and its field.
  """
  rows, groups = [], []
  group_of = {name: i for i, name in enumerate(problems)}
  for index, label in enumerate(labels):
    where = f"labels[{index}]"
    problem = sources.problem_of(
      problems, label.problem_id, f"{where}.problem_id"
    )
    if label.granularity != "step" or label.steps is None:
      raise errors.UserError(f"{where}.granularity: expected 'step'")
    try:
      tokens = encode_fn(problem.prompt, label.steps)
    except errors.UserError as error:
      raise errors.UserError(f"{where}.{error}") from error
    values, supervised = (
      _ratings(label, where) if kind == "ratings" else step_values.values(label)
    )
    row = transforms.to_step_labels(
      tokens,
      values,
      first_error=label.first_error,
      supervised=supervised,
    )
    if kind == "prompt_and_steps":
      row = _with_prompt(row, tokens, label, where)
    elif kind == "policy_steps":
      row = _with_policy(row, tokens, values, supervised)
    elif kind == "hazards":
      mark = label.extra.get(first_errors.CENSORED) is True
      row = _censored(row, tokens, mark and not supervised.any())
    rows.append(row)
    groups.append(group_of[label.problem_id])
  if any(row["targets"].dtype == np.float32 for row in rows):
    for row in rows:
      row["targets"] = row["targets"].astype(np.float32)
  return examples_lib.from_dicts(rows, groups=groups)


def _ratings(
  label: records.StepLabels, where: str
) -> tuple[np.ndarray, np.ndarray]:
  """Ratings -1, 0, 1 as classes 0, 1, 2, and which steps have one."""
  if label.human is None:
    raise errors.UserError(f"{where}.human: missing, the objective reads it")
  known = np.array([rating is not None for rating in label.human], bool)
  classes = np.array([(rating or 0) + 1 for rating in label.human], np.int32)
  return classes, known


def _with_prompt(
  row: transforms.Example,
  tokens: steps_lib.EncodedSolution,
  label: records.StepLabels,
  where: str,
) -> transforms.Example:
  """The prompt's own value, read at its last token."""
  try:
    value = _start(label)
  except errors.UserError as error:
    raise errors.UserError(f"{where}.{error}") from error
  targets = row["targets"].astype(np.float32)
  weights, place = row["weights"].copy(), tokens.prompt_length - 1
  if value is not None:
    targets[place] = value
    weights[place] = 1
  return {**row, "targets": targets, "weights": weights}


def _start(label: records.StepLabels) -> float | None:
  """The bare problem's value on the scale of the labels, None: not known."""
  if counts.root(label) is None:
    raise errors.UserError(
      "extra.root: missing, the objective needs the prompt's counts"
    )
  is_soft = label.hard is None and label.soft is not None
  if not is_soft or advantages.START not in label.extra:
    value = counts.pass_at_1(label)
    return None if np.isnan(value) else value
  value = label.extra[advantages.START]
  if value is None:
    return None
  if not isinstance(value, int | float) or not 0 <= value <= 1:
    raise errors.UserError(
      f"extra.{advantages.START}: {value!r} is no probability"
    )
  return float(value)


def _with_policy(
  row: transforms.Example,
  tokens: steps_lib.EncodedSolution,
  values: np.ndarray,
  supervised: np.ndarray,
) -> transforms.Example:
  """Which tokens a policy learns: those of solutions with a right end."""
  is_right = bool(supervised[-1]) and float(values[-1]) > 0.5
  weights = np.zeros(len(tokens.tokens), np.float32)
  weights[tokens.prompt_length :] = is_right
  targets = row["targets"].astype(np.float32)
  return {**row, "targets": targets, "policy_weights": weights}


def _censored(
  row: transforms.Example, tokens: steps_lib.EncodedSolution, is_censored: bool
) -> transforms.Example:
  """Whether all that is known of the steps is that one of them is wrong."""
  column = np.zeros(len(tokens.tokens), np.float32)
  column[tokens.step_end] = is_censored
  return {**row, "censored": column}
