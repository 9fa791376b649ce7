"""The solutions that `label` is given, checked before anything is computed."""

from typing import NamedTuple

import ml_collections

from prm_jax import errors
from prm_jax.data import record_files, records, solution_files
from prm_jax.labelling import rollouts
from prm_jax.solvers import prompts
from prm_jax.text import notation


class Input(NamedTuple):
  """What a file holds.

  Attributes:
    given: solutions that can be labelled.
    bad: a message per line that cannot.
    longest: tokens of the longest prefix that is completed.
  """

  given: list[rollouts.Given]
  bad: list[str]
  longest: int

  def by_problem(self) -> list[list[rollouts.Given]]:
    """Solutions of each problem, both in order of appearance."""
    groups: dict[str, list[rollouts.Given]] = {}
    for one in self.given:
      groups.setdefault(one.problem.id, []).append(one)
    return list(groups.values())


def read(
  config: ml_collections.ConfigDict,
  tokenizer: notation.Notation,
  whole: bool,
) -> Input:
  """Reads the config's `input`, and the problems it names from `problems`.

  Args:
    config: of the command.
    tokenizer: of the policy.
    whole: whether solutions are completed behind their last step, too.

  Raises:
    UserError: names file, line and field: no steps, an empty one, text that
      the policy's tokenizer refuses, two problems of one name.
  """
  problems = {}
  if config.problems:
    listed = record_files.read(config.problems, records.Problem).records
    problems = {problem.id: problem for problem in listed}
  found = solution_files.read(
    config.input, config.split, config.skip_bad, problems
  )
  given, bad, longest = [], list(found.bad), 1
  prompts_of: dict[str, str] = {}
  for item in found.items:
    try:
      one = rollouts.Given(item.line, item.problem, item.steps)
      text = prompts_of.setdefault(item.problem.id, item.problem.prompt)
      if text != item.problem.prompt:
        raise errors.UserError(
          f"problem_id: {item.problem.id!r} is another problem before"
        )
      end = len(one.steps) if whole else len(one.steps) - 1
      begun = prompts.begin(tokenizer, one.problem, one.steps[:end])
    except errors.UserError as error:
      bad.append(f"{config.input}:{item.line}: {error}")
      if not config.skip_bad:
        raise errors.UserError(bad[-1]) from error
    else:
      given.append(one)
      longest = max(longest, len(begun.tokens))
  if not given:
    raise errors.UserError(f"{config.input}: holds no solution; {bad[0]}")
  return Input(given, bad, longest)
