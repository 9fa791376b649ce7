"""Pairs and lists of solutions to training examples."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from prm_jax import errors
from prm_jax.build import encoding
from prm_jax.data import examples as examples_lib
from prm_jax.data import lists, records, sources, transforms
from prm_jax.tasks import base as tasks
from prm_jax.text import steps as steps_lib

# (encoded, first step that counts, worth) -> a sequence
Transform = Callable[[steps_lib.EncodedSolution, int, float], Any]


def from_pairs(
  encode_fn: encoding.EncodeFn,
  problems: Mapping[str, tasks.Problem],
  pairs: Sequence[records.StepPair],
  transform: Transform,
  *,
  needs_values: bool = False,
  needs_visits: bool = False,
) -> examples_lib.Examples:
  """One example per pair: prefix and better, then prefix and worse.

  Args:
    encode_fn: of prompt and steps; the last step is closed as those before.
    problems: by id.
    pairs: of these problems.
    transform: `data.lists.to_ends` or `to_tokens`.
    needs_values: refuse pairs of which only the order is known; else their
      values are 1 and 0.
    needs_visits: read `extra["better_visits"]`, `extra["worse_visits"]`, how
      often a search came by; they become the column `visits`.

  `extra["better_token_weights"]` and `extra["worse_token_weights"]`, one number
  above 0 per token behind the prefix such as `objectives.contrast` gives, weigh
  the tokens of `to_tokens`. No command writes them; they come from Python.

  Raises:
    UserError: names the pair and its field.
  """
  rows, groups = [], []
  group_of = {name: i for i, name in enumerate(problems)}
  for index, pair in enumerate(pairs):
    where = f"pairs[{index}]"
    prompt = sources.problem_of(
      problems, pair.problem_id, f"{where}.problem_id"
    ).prompt
    sides = []
    for name in ("better", "worse"):
      try:
        sides.append(
          _side(encode_fn, prompt, pair, name, transform, needs_values)
        )
        if needs_visits:
          sides[-1]["visits"] = _visits(pair, name, sides[-1]["weights"])
      except errors.UserError as error:
        raise errors.UserError(f"{where}.{error}") from error
    rows.append(lists.joined(sides))
    groups.append(group_of[pair.problem_id])
  return examples_lib.from_dicts(rows, groups=groups)


def from_lists(
  encoded: sources.Encoded, list_size: int
) -> examples_lib.Examples:
  """Solutions of a problem, at most so many in one example.

  Right and wrong ones take turns, so that as many examples as can be have
  both kinds.

  Args:
    encoded: solutions with their verdicts.
    list_size: most solutions of an example.
  """
  outcomes = encoded.outcomes
  by_problem: dict[str, list[int]] = {}
  for index, name in enumerate(encoded.problem_ids):
    by_problem.setdefault(name, []).append(index)
  rows, groups = [], []
  for group, members in enumerate(by_problem.values()):
    kinds = [[i for i in members if outcomes[i] == kind] for kind in (1, 0)]
    turns = itertools.zip_longest(*kinds)
    order = [i for turn in turns for i in turn if i is not None]
    for start in range(0, len(order), list_size):
      parts = [
        lists.to_tokens(encoded.encoded[i], 0, float(outcomes[i]))
        for i in order[start : start + list_size]
      ]
      rows.append(lists.joined(parts))
      groups.append(group)
  return examples_lib.from_dicts(rows, groups=groups)


def _side(
  encode_fn: encoding.EncodeFn,
  prompt: str,
  pair: records.StepPair,
  name: str,
  transform: Transform,
  needs_values: bool,
) -> transforms.Example:
  """A prefix and one of its two ways on."""
  is_better = name == "better"
  steps = pair.better if is_better else pair.worse
  known = pair.better_value if is_better else pair.worse_value
  if known is None and needs_values:
    raise errors.UserError(f"{name}_value: missing, the objective needs it")
  worth = float(is_better) if known is None else known
  tokens = encode_fn(prompt, (*pair.prefix, *steps))
  if len(tokens.step_end) != len(pair.prefix) + len(steps):
    raise errors.UserError(f"{name}: not every step has an end of its own")
  weights = pair.extra.get(f"{name}_token_weights")
  if weights is None or transform is not lists.to_tokens:
    own: transforms.Example = transform(tokens, len(pair.prefix), worth)
    return own
  return lists.to_tokens(tokens, len(pair.prefix), worth, weights)


def _visits(
  pair: records.StepPair, name: str, weights: np.ndarray
) -> np.ndarray:
  field = f"{name}_visits"
  if field not in pair.extra:
    raise errors.UserError(f"extra.{field}: missing, the objective needs it")
  return np.where(weights > 0, pair.extra[field], 0).astype(np.float32)
