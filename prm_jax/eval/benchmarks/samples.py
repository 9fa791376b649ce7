"""N solutions of each problem, from `Solution` records or a search's."""

import json
from typing import Any, NamedTuple

import numpy as np

from prm_jax import errors
from prm_jax.data import record_files, records
from prm_jax.eval.benchmarks import base, sources
from prm_jax.solvers import judging
from prm_jax.tasks import base as tasks


class Samples(NamedTuple):
  """p problems with n solutions each, one problem after the other."""

  texts: base.Texts  # p * n
  correct: np.ndarray  # [p, n] bool
  answers: list[list[str | None]]  # [p][n]
  step_scores: list[tuple[float, ...]] | None  # p * n, where the file has them


def read(path: str, problems: str) -> Samples:
  """Reads either kind of record.

  A search's row that nothing is known of counts as wrong, and one that only
  stands for another gets no answer.

  Args:
    path: `Solution` or `SearchSample` records.
    problems: file of the `Problem` records; a search's samples with scores of
      their own do without.

  Raises:
    errors.UserError: names file, record and field: no verdict, an unknown
      problem, or not equally many solutions of each.
  """
  known = {}
  if problems:
    known = {
      problem.id: problem
      for problem in record_files.read(problems, records.Problem).records
    }
  groups: dict[str, list[Any]] = {}  # of either kind
  if is_search(path):
    found = record_files.read(path, records.SearchSample).records
    groups |= {s.problem_id: list(s.rows) for s in found}
  else:
    solutions = record_files.read(path, records.Solution).records
    groups |= records.by_problem(solutions)
  sizes = {name: len(own) for name, own in groups.items()}
  first, size = next(iter(sizes.items()))
  for name, own in sizes.items():
    if own != size or not own:
      raise errors.UserError(
        f"{path}: problem {name} has {own} solutions, {first} has {size}"
      )
  flat = [(name, row) for name, own in groups.items() for row in own]
  judged = any(row.correct is not None for _, row in flat)
  for name, row in flat:
    may_be_unknown = judged and isinstance(row, records.SearchRow)
    if row.correct is None and not may_be_unknown:
      raise errors.UserError(f"{path}: problem {name}: correct: not judged")
    if known and name not in known:
      raise errors.UserError(
        f"{path}: problem_id: {name!r} is not in {problems}"
      )
  anonymous = lambda name: tasks.Problem(name, "", "", None)
  texts = base.Texts(
    tuple(known.get(name, anonymous(name)) for name, _ in flat),
    tuple(row.steps for _, row in flat),
  )
  own_scores = [
    row.step_scores for _, row in flat if isinstance(row, records.SearchRow)
  ]
  given = [s for s in own_scores if s is not None]
  return Samples(
    texts,
    np.array([[bool(r.correct) for r in own] for own in groups.values()]),
    [
      [None if r.extra.get(judging.COPY) else r.answer for r in own]
      for own in groups.values()
    ],
    given if len(given) == len(flat) else None,
  )


def scored(found: Samples, source: base.Source) -> list[np.ndarray]:
  """Scores of all solutions: the source's, or what the search had."""
  if isinstance(source, base.Absent):
    if found.step_scores is None:
      raise errors.UserError(
        "this benchmark needs --scores FILE or --model DIR"
      )
    # A search may cut a step that grows too long, so that it has scored more
    # steps than the text has.
    own = found.texts._replace(
      steps=tuple(("",) * len(scores) for scores in found.step_scores)
    )
    return base.checked(found.step_scores, own, "step_scores")
  prompts = [problem.prompt for problem in found.texts.problems]
  if isinstance(source, sources.Verifier) and not all(prompts):
    raise errors.UserError("protocol.problems: names no file of problems")
  return source(found.texts)


def is_search(path: str) -> bool:
  """By the first line, if it holds `SearchSample` records.

  A kind that is neither is told by the reader.
  """
  if not str(path).endswith(record_files.JSON_LINES):
    return False
  shard = record_files.shard_paths(path)[0]
  with open(shard, "rb") as lines:
    first = next((line for line in lines if line.strip()), b"{}")
  try:
    row = json.loads(first)
  except ValueError:
    return False
  return isinstance(row, dict) and row.get("record") == "search_sample"
