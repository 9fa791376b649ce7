"""Labels per token from the prefix tree, as training examples or records."""

import dataclasses
from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np

from prm_jax import errors
from prm_jax.data import examples as examples_lib
from prm_jax.data import records, transforms
from prm_jax.labelling import prefix_tree
from prm_jax.text import steps as steps_lib

Estimate: TypeAlias = Literal["inclusive", "leave_one_out"]
Weighting: TypeAlias = Literal["visits", "unique"]


@dataclasses.dataclass(frozen=True)
class TreeConfig:
  """Choices that change what a value model learns from the same samples.

  Attributes:
    deduplicate: keep one of identical responses to a problem, as the code of
      OVM does. The labels are then values of the de-duplicated distribution
      and biased for the policy's: likely prefixes lose visits.
    estimate: `inclusive` counts the sample itself; `leave_one_out` labels a
      prefix by the other samples through it, and not at all where there are
      none.
    weighting: `visits`, every path counts at every node, so a node weighs as
      often as it is visited; `unique`, a node weighs once in total.
  """

  deduplicate: bool = False
  estimate: Estimate = "inclusive"
  weighting: Weighting = "visits"


def value_examples(
  solutions: Sequence[steps_lib.EncodedSolution],
  outcomes: Sequence[bool] | np.ndarray,
  problems: Sequence[int] | Sequence[str] | np.ndarray,
  config: TreeConfig,
  *,
  reduction: transforms.Reduction = "token",
) -> examples_lib.Examples:
  """Training examples of a token-supervised value model.

  Args:
    solutions: [n] sampled solutions, prompts included.
    outcomes: [n] is the final answer correct.
    problems: [n] problem of each solution.
    config: see there.
    reduction: see `data.transforms`.

  Returns:
    One example per kept solution, in the order given, with its problem as
    the example's group.

  Raises:
    UserError: arguments of different lengths, no solution, or weighting
      `unique` with a reduction that would undo it.
  """
  if config.weighting == "unique" and reduction == "sequence":
    raise errors.UserError(
      "tree.weighting: 'unique' needs reduction 'token', for 'sequence' "
      "makes every path weigh the same"
    )
  responses = [s.tokens[s.prompt_length :] for s in solutions]
  samples = prefix_tree.from_sequences(responses, outcomes, problems)
  kept = np.arange(len(solutions))
  if config.deduplicate:
    kept = prefix_tree.distinct(samples)
    samples = samples.take(kept)
  counts = prefix_tree.count(samples)
  # The weight of a node is that of its paths, whoever is counted in a label.
  visits = counts.n_total
  if config.estimate == "leave_one_out":
    counts = prefix_tree.leave_one_out(samples, counts)
  rows = []
  for position, index in enumerate(kept.tolist()):
    span = slice(samples.offsets[position], samples.offsets[position + 1])
    unique = 1 / visits[span] if config.weighting == "unique" else None
    rows.append(
      transforms.to_token_values(
        solutions[index],
        counts.n_correct[span],
        counts.n_total[span],
        reduction=reduction,
        token_weights=unique,
      )
    )
  return examples_lib.from_dicts(rows, groups=samples.problems)


def to_records(
  samples: prefix_tree.Samples,
  counts: prefix_tree.Counts,
  problem_ids: Sequence[str],
  completer: str,
) -> list[records.StepLabels]:
  """Labels per token as records; `problem_ids` [n] names each problem."""
  rows = []
  for index, problem_id in enumerate(problem_ids):
    span = slice(samples.offsets[index], samples.offsets[index + 1])
    rows.append(
      records.StepLabels(
        problem_id=problem_id,
        tokens=tuple(samples.tokens[span].tolist()),
        n_correct=tuple(int(k) for k in counts.n_correct[span]),
        n_total=tuple(counts.n_total[span].tolist()),
        completer=completer,
        granularity="token",
      )
    )
  return rows
