"""A task of solved problems: GSM8K and MATH, each with its own files."""

from collections.abc import Iterator, Sequence

import numpy as np

from prm_jax import errors
from prm_jax.tasks import base, question_files, text_task


class SolvedText(text_task.TextTask):
  """Base of the two; a subclass says where its problems come from."""

  def __init__(self, config: text_task.Config):
    super().__init__(config)
    self._splits: dict[base.Split, list[question_files.Solved]] = {}
    self._steps: dict[str, list[str]] = {}

  def source(self) -> question_files.Source:
    raise NotImplementedError

  def problems(self, split: base.Split) -> Iterator[base.Problem]:
    """In the order of the files."""
    if split not in self._splits:
      path = self.config.problems
      found = question_files.read(path, split, self.source())
      self._splits[split] = found
      self._steps |= {one.problem.id: one.steps for one in found if one.steps}
    for one in self._splits[split]:
      yield one.problem

  def demonstrations(
    self, problem: base.Problem, rng: np.random.Generator, num: int
  ) -> list[list[str]]:
    """The one reference solution there is, however many are asked for."""
    del rng, num
    if problem.id not in self._steps:
      raise errors.UserError(
        f"problem {problem.id}: there is no reference solution to show"
      )
    return [list(self._steps[problem.id])]

  def __enter__(self) -> "SolvedText":
    return self

  def __exit__(self, *_: object) -> None:
    self.grader.close()


def closed(steps: Sequence[str], place: str) -> list[str]:
  """The steps; UserError if there is none."""
  if not steps:
    raise errors.UserError(f"{place}: the solution is empty")
  return list(steps)
