"""Methods that write again: how long a solution can get."""

import pytest

from prm_jax.cli import refinements
from prm_jax.data import records
from prm_jax.solvers import writing
from prm_jax.tasks import base as tasks

PROBLEM = tasks.Problem("p", "toy", "q", "a")
LONGEST = 4  # steps that the policy writes in one go


def write(prompts):
  """Goes on behind what is kept for as long as it can."""
  return [
    writing.Written(
      records.Solution(
        "p", (*prompt.kept, *("step",) * LONGEST), "a", False, "policy"
      ),
      writing.Spent(),
    )
    for prompt in prompts
  ]


def all_but_the_last(problems, solutions):
  """As many steps as possible are right."""
  del problems
  return [
    writing.Scored((0.9,) * (len(one.steps) - 1) + (0.1,), writing.Spent())
    for one in solutions
  ]


@pytest.mark.parametrize(
  ("method", "longest"),
  [
    (refinements.Glore(), 7),
    (refinements.Critic(turns=3), 13),
    (refinements.Critic(turns=3, ask="advise"), 4),
    (refinements.Revisions(), 4),
    (refinements.Debate(), 4),
  ],
)
def test_solutions_are_of_no_more_parts_than_told(method, longest):
  models = refinements.Models(write, all_but_the_last)
  found = method([PROBLEM], models)
  sizes = [len(one.steps) for one in found.solutions[0]]
  assert max(sizes) == longest
  assert longest <= LONGEST * method.most_parts < longest + LONGEST
