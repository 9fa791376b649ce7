"""Solutions of the chain task with counts by its exact values."""

import numpy as np

from prm_jax.data import records
from prm_jax.tasks import chain

TASK = chain.Chain()


def label(n_correct, n_total, root=None, problem_id="p", **fields):
  """A record with steps of no meaning; `root` is (correct, all)."""
  extra = dict(fields.pop("extra", {}))
  if root is not None:
    extra["root"] = {"n_correct": root[0], "n_total": root[1]}
  steps = fields.pop("steps", tuple(f"s{k}" for k in range(len(n_total))))
  return records.StepLabels(
    problem_id=problem_id,
    n_correct=tuple(n_correct),
    n_total=tuple(n_total),
    completer="completer",
    steps=steps,
    extra=extra,
    **fields,
  )


def solutions(num, seed=0, task=TASK, split="train"):
  """(problem, steps) of the generator, a problem each."""
  rng = np.random.default_rng(seed)
  problems = [p for p, _ in zip(task.problems(split), range(num), strict=False)]
  return [(p, tuple(task.sample(p, rng)[0])) for p in problems]


def counted(given, num, seed=0, task=TASK):
  """Labels of solutions: binomial counts of V, the last by the answer."""
  rng = np.random.default_rng(seed)
  found = []
  for problem, steps in given:
    values = [
      task.value(problem, steps[: k + 1]) for k in range(len(steps) - 1)
    ]
    answer = int(task.verify(problem, steps).correct)
    drawn = rng.binomial(num, values).tolist()
    start = int(rng.binomial(num, task.value(problem, [])))
    found.append(
      label(
        [*drawn, answer],
        [*[num] * len(drawn), 1],
        root=(start, num),
        problem_id=problem.id,
        steps=steps,
      )
    )
  return found
