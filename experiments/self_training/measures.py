"""What a policy and a value are good for, on held-out problems."""

from collections.abc import Sequence
from typing import Any

import loops
import numpy as np
import scipy.stats

from prm_jax.build.methods import sampling
from prm_jax.solvers import judging, solver
from prm_jax.tasks import base as tasks

ROWS = 16  # samples of a problem, two groups of
GROUP = 8


def measure(
  loop: loops.Loop,
  pair: loops.Pair,
  task: tasks.Task,
  problems: Sequence[tasks.Problem],
  sizes: loops.Sizes,
  seed: int,
) -> dict[str, Any]:
  """Numbers, and under "each" the accuracies of every problem."""

  def run(method, temperature=1.0):
    found = loops.solve(pair, task, problems, method, seed, temperature)
    return found, judging.judge(task, pair.policy.tokenizer, found)

  each, tokens = {}, {}
  _, greedy = run(sampling.BestOfN(1), temperature=0.0)
  each["greedy"] = greedy.correct[:, 0]
  sampled, judged = run(sampling.BestOfN(ROWS))
  each |= of_samples(judged.correct, sampled.score)
  searched = {
    "step_beam": loops.bind("step_beam", sizes, width=2),
    "search": loops.bind(loop.method, sizes),
  }
  for name, method in searched.items():
    if loop.method == "best_of_n" and name == "search":
      continue  # it is best of n
    found, own = run(method)
    each[name] = own.correct[np.arange(len(problems)), found.chosen]
    tokens[name] = float(np.mean(found.cost.policy_tokens))
  return {
    "each": {k: np.round(v.astype(float), 4).tolist() for k, v in each.items()},
    "tokens": tokens,
    **separation(task, sampled, judged),
  }


def of_samples(correct: np.ndarray, score: np.ndarray) -> dict[str, np.ndarray]:
  """[n] per problem, means over groups of samples."""
  shape = (len(correct), -1, GROUP)
  right, worth = correct.reshape(shape), score.reshape(shape)
  best = np.take_along_axis(right, worth.argmax(-1)[..., None], axis=-1)
  return {
    "pass_at_1": correct.mean(axis=1),
    "pass_at_8": right.any(axis=-1).mean(axis=1),
    "best_of_8": best[..., 0].mean(axis=1),
  }


def separation(
  task: tasks.Task, sampled: solver.Solved, judged: judging.Judged
) -> dict[str, float]:
  """AUC of the value against the exact truth, before and at the last step.

  Before it: can 24 still be made of what is left? At it: was it made? Equal
  solutions of a problem count once.
  """
  on_way: list[tuple[float, bool]] = []
  at_end: list[tuple[float, bool]] = []
  for i, problem in enumerate(sampled.problems):
    for steps in set(judged.steps[i]):
      n = judged.steps[i].index(steps)
      scores = sampled.step_scores[i, n]
      solvable = task.oracle(problem, steps).solvable
      own = list(zip(scores[: len(steps)].tolist(), solvable, strict=True))
      on_way += own[:-1]
      if own:
        at_end.append((own[-1][0], bool(judged.correct[i, n])))
  return {"auc_way": auc(on_way), "auc_end": auc(at_end)}


def auc(rows: Sequence[tuple[float, bool]]) -> float:
  """P(a right one scores above a wrong one), ties half; 0.5 of one kind."""
  score, truth = (np.array(column) for column in zip(*rows, strict=True))
  right, wrong = score[truth.astype(bool)], score[~truth.astype(bool)]
  if not len(right) or not len(wrong):
    return 0.5
  found = scipy.stats.mannwhitneyu(right, wrong).statistic
  return float(found / (len(right) * len(wrong)))
