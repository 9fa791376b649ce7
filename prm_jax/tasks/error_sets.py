"""Sets of solutions with their first error known exactly.

Rows have the fields of ProcessBench (arXiv 2412.06559): id, generator,
problem, steps, final_answer_correct and label, the index of the earliest wrong
step, -1 where all are right. Solutions are samples of a task's reference
policy, which errs and recovers, so an answer may be right with a wrong step
before; `label` comes from the task's own judgement of each step.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import (
  Any,
  Literal,
  NamedTuple,
  Protocol,
  TypeAlias,
  runtime_checkable,
)

import numpy as np

from prm_jax import errors
from prm_jax.tasks import base, chain, graph_arithmetic, graph_words

Style: TypeAlias = Literal["numbers", "words"]
Row: TypeAlias = Mapping[str, Any]
# Samples of a problem before another one is tried.
_MOST_TRIES = 200

FIRST_ERROR: Mapping[
  str, Callable[[base.Problem, Sequence[str]], int | None]
] = {
  chain.NAME: chain.first_error,
  graph_arithmetic.NAME: graph_arithmetic.first_error,
}


@runtime_checkable
class Sampler(Protocol):
  """What is asked of a task."""

  name: str

  def problems(self, split: base.Split) -> Iterator[base.Problem]: ...

  def sample(
    self, problem: base.Problem, rng: np.random.Generator
  ) -> tuple[list[str], bool]: ...


class Counts(NamedTuple):
  """How many rows of each kind."""

  erroneous: int
  correct: int
  recovered: int  # erroneous with a right answer


def make_rows(
  task: Sampler,
  split: base.Split,
  num_rows: int,
  *,
  share_wrong: float = 0.5,
  style: Style = "numbers",
  seed: int = 0,
) -> list[Row]:
  """Rows of a split; a problem has one row as long as there are enough.

  Args:
    task: `chain` or `graph_arithmetic`, with the rates of its policy.
    split: whose problems are taken.
    num_rows: at least 1.
    share_wrong: of the rows, with an error; spread evenly over the rows.
    style: the task's own numbers, or English.
    seed: of the samples; row i does not depend on `num_rows`.

  Raises:
    UserError: a share that is none, or a policy that never errs (always errs)
      where solutions with (without) an error are asked for.
  """
  if num_rows < 1 or not 0 <= share_wrong <= 1:
    raise errors.UserError(
      "num_rows, share_wrong: expected at least 1 and a share, got "
      f"{num_rows} and {share_wrong}"
    )
  problems = list(task.problems(split))
  if not problems:
    raise errors.UserError(f"split: {task.name} has no problem in {split!r}")
  rows = []
  for index in range(num_rows):
    is_wrong = int((index + 1) * share_wrong) > int(index * share_wrong)
    problem = problems[index % len(problems)]
    rng = np.random.default_rng((seed, index))
    steps, correct, label = _sample(task, problem, rng, is_wrong)
    rows.append(_row(task, problem, steps, correct, label, index, style))
  return rows


def count(rows: Sequence[Row]) -> Counts:
  wrong = [row for row in rows if row["label"] >= 0]
  recovered = sum(row["final_answer_correct"] for row in wrong)
  return Counts(len(wrong), len(rows) - len(wrong), recovered)


def to_lines(rows: Sequence[Row]) -> str:
  """JSON lines."""
  return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _sample(
  task: Sampler, problem: base.Problem, rng: np.random.Generator, is_wrong: bool
) -> tuple[list[str], bool, int]:
  """A sample that has (has not) an error."""
  first_error = FIRST_ERROR[task.name]
  for _ in range(_MOST_TRIES):
    steps, correct = task.sample(problem, rng)
    found = first_error(problem, steps)
    if (found is not None) == is_wrong:
      return steps, correct, -1 if found is None else found
  kind = "with" if is_wrong else "without"
  raise errors.UserError(
    f"share_wrong: the policy of {task.name} writes no solution {kind} an "
    "error, see task.error_rate"
  )


def _row(
  task: Sampler,
  problem: base.Problem,
  steps: list[str],
  correct: bool,
  label: int,
  index: int,
  style: Style,
) -> Row:
  text = problem.prompt
  if style == "words":
    text = graph_words.question(problem)
    steps = graph_words.solution(problem, steps)
  return {
    "id": f"{task.name}-{index}",
    "generator": "reference policy",
    "problem": text,
    "steps": steps,
    "final_answer_correct": correct,
    "label": label,
    "problem_id": problem.id,
  }
