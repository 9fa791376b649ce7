"""Agreement of completions and a judge against exact chances of the chain."""

import numpy as np
import pytest

from prm_jax.labelling import consensus, judges, rollouts
from prm_jax.tasks import chain
from tests.labelling import chains

TASK = chains.TASK
NUM = 8


class Said:
  """A judge that says what it is told to."""

  def __init__(self, *verdicts):
    self.verdicts = verdicts

  def __call__(self, problems, given):
    return [judges.Judgement(tuple(v), tokens=10) for v in self.verdicts]


def relabel(labels, judge, by="solution"):
  problem = chain.make_problem((3, 4, 7, 1, 2), 10)
  config = consensus.Config(by=by)
  return consensus.relabel(labels, [problem] * len(labels), judge, config)


LABELS = [
  chains.label([4, 0, 0], [8, 8, 1], root=(4, 8)),
  chains.label([4, 3, 1], [8, 8, 1], root=(6, 8)),
  chains.label([4, 0, 1], [8, 8, 1], root=(2, 8)),
  chains.label([4, 2, 1], [8, 8, 1], root=(4, 8)),
]
JUDGE = Said((1, 0, 1), (1, 1, 1), (1, 1, 1), (1, None, 1))


def test_by_solution():
  found = relabel(LABELS, JUDGE)
  assert [one.first_error for one in found.labels] == [1, -1]
  assert [one.hard for one in found.labels] == [(1, 0, 0), (1, 1, 1)]
  assert found.told["solutions"] == {"kept": 2, "dropped": 1, "unknown": 1}
  assert found.told["steps"] == {"kept": 9, "dropped": 2, "unknown": 1}
  assert found.told["survival"] == pytest.approx(2 / 3)
  assert found.told["judge_tokens"] == 40
  assert found.told["shift"]["all"]["pass_at_1"] == 0.5
  assert found.told["shift"]["kept"] == {
    "num_steps": 3, "right": 0.5, "pass_at_1": 0.625
  }  # fmt: skip
  assert [x.n_correct for x in found.labels] == [(4, 0, 0), (4, 3, 1)]


def test_by_step():
  found = relabel(LABELS, JUDGE, "step")
  assert [one.hard for one in found.labels] == [
    (1, 0, None),
    (1, 1, 1),
    (1, None, 1),
    (1, None, 1),
  ]
  assert found.told["survival"] == pytest.approx(9 / 11)
  assert {one.first_error for one in found.labels} == {None}


def exact(accuracy):
  """P(agree), and P(the agreed place is right and agree), over solutions.

  Sums over all paths of states and steps of the chain; the counts are
  binomial, the judge errs on each step by itself.
  """
  config = TASK.config
  m, e, rho = config.modulus, config.error_rate, config.recovery_rate
  values = chain.state_values(config)
  agree = true = 0.0

  def walk(t, ok, chance, first, mine, theirs):
    # mine, theirs: P(no error said so far) with both still silent
    nonlocal agree, true
    silent = chance * mine * theirs
    if t == config.num_addends:
      # The answer: its own verdict is the outcome; it is valid where it says
      # what was written.
      for right, valid, p in (
        [(1, 1, 1.0)]
        if ok
        else [(0, 1, 1 / m), (1, 0, 1 / m), (0, 0, 1 - 2 / m)]
      ):
        says_right = accuracy if valid else 1 - accuracy
        place = first if first is not None else (t if not valid else -1)
        both_none = right * says_right
        both_here = (1 - right) * (1 - says_right)
        agree += silent * p * (both_none + both_here)
        true += (
          silent * p * (both_none * (place == -1) + both_here * (place == t))
        )
      return
    moves = [(1, 1, 1 - e), (0, 0, e)] if ok else [(1, 1, rho), (0, 1, 1 - rho)]
    for state, valid, p in moves:
      zero = (1 - values[t + 1, state]) ** NUM
      says_right = accuracy if valid else 1 - accuracy
      place = t if first is None and not valid else first
      both = silent * p * zero * (1 - says_right)
      agree += both
      true += both * (place == t)
      walk(
        t + 1, state, chance * p, place, mine * (1 - zero), theirs * says_right
      )

  walk(0, 1, 1.0, None, 1.0, 1.0)
  return agree, true


@pytest.mark.parametrize("accuracy", [0.8, 1.0])
def test_exact_survival_and_precision(accuracy):
  given = chains.solutions(400, split="train")
  labels = chains.counted(given, NUM)
  problems = [problem for problem, _ in given]
  judge = judges.Noisy(TASK, judges.Noise(accuracy=accuracy))
  found = consensus.relabel(labels, problems, judge, consensus.Config())
  agree, true = exact(accuracy)
  num = len(given)
  error = lambda p: 4.5 * np.sqrt(p * (1 - p) / num)
  assert abs(found.told["survival"] - agree) <= error(agree)
  by_id = {p.id: p for p in problems}
  right = [
    one.first_error
    == rollouts.first_error(
      list(map(int, TASK.oracle(by_id[one.problem_id], one.steps).valid))
    )
    for one in found.labels
  ]
  assert abs(sum(right) / num - true) <= error(true)
  # What is kept is easier than what was given.
  shift = found.told["shift"]
  assert shift["kept"]["right"] > shift["all"]["right"]
