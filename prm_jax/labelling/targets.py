"""Solutions and labels to the training examples of an objective."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from prm_jax import errors
from prm_jax.data import examples as examples_lib
from prm_jax.data import records, sources, step_values, transforms
from prm_jax.labelling import token_values
from prm_jax.tasks import base as tasks
from prm_jax.text import steps as steps_lib

# (prompt, steps) -> tokens; raises UserError where it cannot
EncodeFn: TypeAlias = Callable[[str, Sequence[str]], steps_lib.EncodedSolution]


def from_solutions(
  name: str,
  encoded: sources.Encoded,
  *,
  reduction: transforms.Reduction = "token",
  tree: token_values.TreeConfig | None = None,
) -> examples_lib.Examples:
  """Examples of "sft", "orm", "ovm" or "tvm".

  Args:
    name: the objective.
    encoded: solutions; all but "sft" need their verdicts.
    reduction: see `data.transforms`.
    tree: of "tvm".
  """
  groups = np.unique(encoded.problem_ids, return_inverse=True)[1]
  if name == "sft":
    rows = [transforms.to_sft(s, reduction=reduction) for s in encoded.encoded]
    return examples_lib.from_dicts(rows, groups=groups)
  outcomes = encoded.outcomes
  pairs = list(zip(encoded.encoded, outcomes.tolist(), strict=True))
  if name == "orm":
    rows = [transforms.to_orm(s, z) for s, z in pairs]
    return examples_lib.from_dicts(rows, groups=groups)
  if name == "ovm":
    rows = [transforms.to_ovm(s, z, reduction=reduction) for s, z in pairs]
    return examples_lib.from_dicts(rows, groups=groups)
  return token_values.value_examples(
    encoded.encoded,
    outcomes,
    encoded.problem_ids,
    tree or token_values.TreeConfig(),
    reduction=reduction,
  )


def from_oracle(
  task: tasks.Task,
  problems: Mapping[str, tasks.Problem],
  encoded: sources.Encoded,
) -> examples_lib.Examples:
  """Step labels by the task's own oracle: 1 while the step is valid.

  Steps after the first invalid one get no loss (arXiv 2305.20050).
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
    rows.append(transforms.to_step_labels(tokens, labels, first_error=first))
    groups.append(group_of[solution.problem_id])
  return examples_lib.from_dicts(rows, groups=groups)


def from_labels(
  encode_fn: EncodeFn,
  problems: Mapping[str, tasks.Problem],
  labels: Sequence[records.StepLabels],
) -> examples_lib.Examples:
  """Step labels of records, see `data.step_values`.

  Classes become probabilities where any of the records has probabilities:
  the other way round they would be rounded.
  """
  rows, groups = [], []
  group_of = {name: i for i, name in enumerate(problems)}
  for index, label in enumerate(labels):
    where = f"labels[{index}]"
    if label.problem_id not in problems:
      raise errors.UserError(
        f"{where}.problem_id: no problem {label.problem_id!r}"
      )
    if label.granularity != "step" or label.steps is None:
      raise errors.UserError(f"{where}.granularity: expected 'step'")
    try:
      tokens = encode_fn(problems[label.problem_id].prompt, label.steps)
    except errors.UserError as error:
      raise errors.UserError(f"{where}.{error}") from error
    values, supervised = step_values.values(label)
    rows.append(
      transforms.to_step_labels(
        tokens,
        values,
        first_error=label.first_error,
        supervised=supervised,
      )
    )
    groups.append(group_of[label.problem_id])
  if any(row["targets"].dtype == np.float32 for row in rows):
    for row in rows:
      row["targets"] = row["targets"].astype(np.float32)
  return examples_lib.from_dicts(rows, groups=groups)
