"""Where examples come from: TFDS data sources, record files, memory.

All give `records.Problem` and `records.Solution`; `encode` turns those into
token sequences, `transforms` makes training examples of them.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from absl import logging

from prm_jax import errors
from prm_jax.data import record_files, records
from prm_jax.text import steps as steps_lib
from prm_jax.text import tokenizer as tokenizer_lib

DEMONSTRATION = "demonstration"


class Solved(NamedTuple):
  """Problems by id, and solutions of them in order."""

  problems: dict[str, records.Problem]
  solutions: list[records.Solution]


class Encoded(NamedTuple):
  """Solutions as tokens.

  Attributes:
    solutions: those that could be encoded.
    encoded: the tokens of each.
    bad: one message for each of the others.
  """

  solutions: list[records.Solution]
  encoded: list[steps_lib.EncodedSolution]
  bad: list[str]

  @property
  def outcomes(self) -> np.ndarray:
    """bool [n] verdicts.

    Raises:
      UserError: a solution that was not judged.
    """
    for index, solution in enumerate(self.solutions):
      if solution.correct is None:
        raise errors.UserError(f"solutions[{index}].correct: missing")
    return np.array([s.correct for s in self.solutions], bool)

  @property
  def problem_ids(self) -> list[str]:
    return [solution.problem_id for solution in self.solutions]


def from_tfds(source: Iterable[Mapping[str, Any]]) -> Solved:
  """Reads a split that a builder of `data.builders` wrote."""
  problems: dict[str, records.Problem] = {}
  solutions: list[records.Solution] = []
  for element in source:
    problem = records.Problem(
      id=_text(element["id"]),
      task=_text(element["task"]),
      prompt=_text(element["prompt"]),
      answer=_text(element["answer"]) or None,
      meta=json.loads(element["meta"]),
    )
    problems[problem.id] = problem
    steps = [_text(step) for step in element["steps"]]
    start = 0
    for number, correct in zip(
      element["num_steps"], element["correct"], strict=True
    ):
      solutions.append(
        records.Solution(
          problem_id=problem.id,
          steps=tuple(steps[start : start + number]),
          correct=bool(correct),
          source=DEMONSTRATION,
        )
      )
      start += number
  return Solved(problems, solutions)


def from_files(
  problems_path: record_files.Path,
  solutions_path: record_files.Path,
  *,
  skip_bad: bool = False,
) -> Solved:
  """Reads problems and solutions from JSON lines or array_record files.

  Raises:
    UserError: see `record_files.read`.
  """
  problems = record_files.read(
    problems_path, records.Problem, skip_bad=skip_bad
  )
  solutions = record_files.read(
    solutions_path, records.Solution, skip_bad=skip_bad
  )
  return Solved({p.id: p for p in problems.records}, solutions.records)


def encode(
  tokenizer: tokenizer_lib.Tokenizer,
  problems: Mapping[str, records.Problem],
  solutions: Sequence[records.Solution],
  *,
  skip_bad: bool = False,
) -> Encoded:
  """Prompt and solution as tokens, those the policy wrote where recorded.

  Args:
    tokenizer: of the model to train.
    problems: by id.
    solutions: of these problems.
    skip_bad: collect messages about solutions that cannot be encoded, and
      log how many there are, instead of stopping at the first.

  Raises:
    UserError: an unknown problem, no steps, or text the tokenizer refuses;
      names solution and field.
  """
  kept: list[records.Solution] = []
  encoded: list[steps_lib.EncodedSolution] = []
  bad: list[str] = []
  for index, solution in enumerate(solutions):
    try:
      tokens = _encode(tokenizer, problems, solution)
    except errors.UserError as error:
      message = f"solutions[{index}].{error}"
      if not skip_bad:
        raise errors.UserError(message) from error
      bad.append(message)
      continue
    kept.append(solution)
    encoded.append(tokens)
  if bad:
    logging.warning(
      "skipped %d of %d solutions, first: %s", len(bad), len(solutions), bad[0]
    )
  return Encoded(kept, encoded, bad)


def problem_of(
  problems: Mapping[str, records.Problem], name: str, field: str
) -> records.Problem:
  """The problem of that id; UserError names the field that asks for it."""
  if name not in problems:
    raise errors.UserError(f"{field}: no problem {name!r}")
  return problems[name]


def _encode(
  tokenizer: tokenizer_lib.Tokenizer,
  problems: Mapping[str, records.Problem],
  solution: records.Solution,
) -> steps_lib.EncodedSolution:
  prompt = problem_of(problems, solution.problem_id, "problem_id").prompt
  if solution.tokens:
    return steps_lib.encode_sampled(tokenizer, prompt, solution.tokens)
  if not solution.steps:
    raise errors.UserError("steps: the solution has none")
  return steps_lib.encode_solution(tokenizer, prompt, solution.steps)


def _text(value: bytes | str) -> str:
  return value.decode() if isinstance(value, bytes) else value
