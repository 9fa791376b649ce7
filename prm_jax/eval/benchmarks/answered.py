"""What a policy wrote on problems that were generated for a benchmark."""

from collections.abc import Sequence
from typing import NamedTuple

from prm_jax import errors
from prm_jax.data import record_files, records
from prm_jax.eval.benchmarks import samples


class Answered(NamedTuple):
  """A problem and the one solution that counts."""

  problem: records.Problem
  steps: tuple[str, ...]
  correct: bool | None  # None: not judged

  @property
  def text(self) -> str:
    return "\n\n".join(self.steps)


def read(
  path: str, problems: str, task: str, fields: Sequence[str]
) -> list[Answered]:
  """In the order of the problems.

  Args:
    path: `SearchSample` records, whose chosen row counts (none: nothing was
      written), or one `Solution` record for each problem.
    problems: file of the `Problem` records.
    task: whose they are.
    fields: that their `meta` has to have.

  Raises:
    UserError: names file and field: a problem of another task, one without a
      solution or with several, or solutions of other problems.
  """
  posed = record_files.read(problems, records.Problem).records
  known = {problem.id: problem for problem in posed}
  if len(known) < len(posed):
    raise errors.UserError(f"{problems}: id: two problems have the same")
  for problem in posed:
    if problem.task != task:
      raise errors.UserError(
        f"{problems}: problem {problem.id}: task: {problem.task!r}, this "
        f"benchmark is of {task!r}"
      )
    for field in fields:
      if field not in problem.meta:
        raise errors.UserError(
          f"{problems}: problem {problem.id}: meta.{field}: missing"
        )
  written = _written(path)
  for name in written:
    if name not in known:
      raise errors.UserError(
        f"{path}: problem_id: {name!r} is not in {problems}"
      )
  missing = [name for name in known if name not in written]
  if missing:
    raise errors.UserError(
      f"{path}: {len(missing)} of {len(known)} problems of {problems} have no "
      f"solution, the first is {missing[0]}"
    )
  return [Answered(known[name], *written[name]) for name in known]


def _written(path: str) -> dict[str, tuple[tuple[str, ...], bool | None]]:
  """(steps, verdict) by problem."""
  found: dict[str, tuple[tuple[str, ...], bool | None]] = {}
  if samples.is_search(path):
    for sample in record_files.read(path, records.SearchSample).records:
      row = None if sample.chosen is None else sample.rows[sample.chosen]
      own = ((), False) if row is None else (row.steps, row.correct)
      _enter(found, sample.problem_id, own, path)
  else:
    for one in record_files.read(path, records.Solution).records:
      _enter(found, one.problem_id, (one.steps, one.correct), path)
  return found


def _enter(found, name, own, path) -> None:
  if name in found:
    raise errors.UserError(f"{path}: problem {name}: has several solutions")
  found[name] = own
