"""Step scores from a file that `score` wrote, or from a verifier."""

import json
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from prm_jax import errors
from prm_jax.eval.benchmarks import base
from prm_jax.tasks import base as tasks

# `(problems, step lists) -> scores per step`, such as
# `solvers.step_scores.StepScorer`.
ScoreFn = Callable[
  [Sequence[tasks.Problem], Sequence[Sequence[str]]], list[np.ndarray]
]


class Verifier:
  """Scores that are computed in the run; solutions without a step have none.

  Attributes:
    scored: what the input got, to be written; None before.
  """

  def __init__(self, score_fn: ScoreFn):
    self._score_fn = score_fn
    self.scored: tuple[base.Texts, list[np.ndarray]] | None = None

  def __call__(
    self, texts: base.Texts, part: base.Part = "input"
  ) -> list[np.ndarray]:
    some = [i for i, steps in enumerate(texts.steps) if steps]
    given = self._score_fn(
      [texts.problems[i] for i in some], [texts.steps[i] for i in some]
    )
    if len(given) != len(some):
      raise ValueError(f"{len(given)} results for {len(some)} solutions")
    found = [np.zeros(0) for _ in texts.steps]
    for i, own in zip(some, given, strict=True):
      found[i] = own
    found = base.checked(found, texts, "--model")
    if part == "input":
      self.scored = (texts, found)
    return found


class File:
  """Scores in `scores.jsonl`, line for line those of the input.

  Args:
    path: of the input's scores.
    held_out: of the scores of what a threshold is chosen on.
  """

  def __init__(self, path: str, held_out: str = ""):
    self._paths = {"input": path, "held_out": held_out}

  def __call__(
    self, texts: base.Texts, part: base.Part = "input"
  ) -> list[np.ndarray]:
    if part == "changed":
      raise errors.UserError(
        "this benchmark changes solutions and scores them anew, which needs"
        " --model DIR"
      )
    path = self._paths[part]
    if not path:
      raise errors.UserError(
        "threshold.scores: names no file with scores of the held-out solutions"
      )
    rows = _read(path)
    if len(rows) != len(texts.steps):
      raise errors.UserError(
        f"{path}: {len(rows)} lines of scores for {len(texts.steps)} solutions"
      )
    pairs = zip(rows, texts.problems, strict=True)
    for number, (row, problem) in enumerate(pairs, start=1):
      _check_name(row, problem, f"{path}:{number}")
    return base.checked([row["scores"] for row in rows], texts, path)


def write(
  path: str | pathlib.Path, texts: base.Texts, scores: Sequence[np.ndarray]
) -> None:
  """Writes scores as `File` reads them."""
  pairs = zip(texts.problems, scores, strict=True)
  lines = (
    {"line": i, "problem_id": problem.id, "scores": own.tolist()}
    for i, (problem, own) in enumerate(pairs, start=1)
  )
  text = "".join(json.dumps(line) + "\n" for line in lines)
  pathlib.Path(path).write_text(text)


def _read(path: str) -> list[dict[str, Any]]:
  try:
    lines = pathlib.Path(path).read_text(encoding="utf-8").split("\n")
  except (OSError, UnicodeDecodeError) as error:
    raise errors.UserError(f"{path}: cannot be read ({error})") from error
  rows = []
  for number, line in enumerate(lines, start=1):
    if line.strip():
      rows.append(_row(line, f"{path}:{number}"))
  if not rows:
    raise errors.UserError(f"{path}: holds no scores")
  return rows


def _row(line: str, place: str) -> dict[str, Any]:
  try:
    row = json.loads(line)
  except ValueError as error:
    raise errors.UserError(f"{place}: not JSON ({error})") from error
  if not isinstance(row, dict) or "scores" not in row:
    raise errors.UserError(f"{place}: scores: missing")
  scores = row["scores"]
  if scores is None:
    reason = row.get("reason") or "no reason is told"
    raise errors.UserError(f"{place}: scores: there are none ({reason})")
  numbers = isinstance(scores, list) and all(
    isinstance(x, int | float) and not isinstance(x, bool) for x in scores
  )
  if not numbers:
    raise errors.UserError(f"{place}: scores: must be a list of numbers")
  return row


def _check_name(row: dict[str, Any], problem: tasks.Problem, place: str):
  """The line is about that problem, as far as it tells.

  `score` knows a public row by its own id, which ours ends in, and one without
  an id as `line 3`.
  """
  name = row.get("problem_id")
  if not isinstance(name, str) or name.startswith("line "):
    return
  if name != problem.id and not problem.id.endswith(f"/{name}"):
    raise errors.UserError(
      f"{place}: problem_id: {name!r}, the input has {problem.id!r} there"
    )
