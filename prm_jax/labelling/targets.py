"""Solutions and labels to the training examples of an objective."""

from collections.abc import Mapping, Sequence

import numpy as np

from prm_jax import errors
from prm_jax.data import examples as examples_lib
from prm_jax.data import records, sources, transforms
from prm_jax.labelling import token_values
from prm_jax.tasks import base as tasks
from prm_jax.text import steps as steps_lib
from prm_jax.text import tokenizer as tokenizer_lib


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
  tokenizer: tokenizer_lib.Tokenizer,
  problems: Mapping[str, tasks.Problem],
  labels: Sequence[records.StepLabels],
) -> examples_lib.Examples:
  """Step labels of records: hard where given, else the share of successes."""
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
    tokens = steps_lib.encode_solution(
      tokenizer, problems[label.problem_id].prompt, label.steps
    )
    if label.hard is not None:
      values = np.array(label.hard, np.int32)
    else:
      total = np.maximum(np.array(label.n_total), 1)
      values = (np.array(label.n_correct) / total).astype(np.float32)
    rows.append(
      transforms.to_step_labels(tokens, values, first_error=label.first_error)
    )
    groups.append(group_of[label.problem_id])
  return examples_lib.from_dicts(rows, groups=groups)
