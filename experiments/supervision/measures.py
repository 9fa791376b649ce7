"""What a verifier is good for: values, first errors, choosing."""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import settings

from prm_jax.build import verifier_files
from prm_jax.eval import calibration, processbench, ranking, thresholds
from prm_jax.solvers import step_scores as step_scores_lib
from prm_jax.tasks import base as tasks
from prm_jax.text import steps as steps_lib

ROWS = 16


class Held(NamedTuple):
  """What is measured on."""

  prefixes: settings.Prefixes
  validation: list[settings.Erring]
  test: list[settings.Erring]
  samples: list[settings.Sample]  # ROWS at a time


def hold(
  setting: settings.Setting, prefixes: int, solutions: int, groups: int
) -> Held:
  return Held(
    setting.prefixes(prefixes),
    setting.erring("validation", solutions),
    setting.erring("test", solutions),
    setting.samples(groups, ROWS),
  )


def step_scores(
  verifier: verifier_files.Verifier,
  problems: Sequence[tasks.Problem],
  steps: Sequence[Sequence[str]],
  *,
  finished: bool,
) -> list[np.ndarray]:
  """The verifier's scores at the step ends of each solution."""
  encode = functools.partial(
    steps_lib.encode_solution, verifier.loaded.tokenizer, finished=finished
  )
  config = step_scores_lib.ScoringConfig()
  scorer = step_scores_lib.StepScorer(
    verifier.reading, verifier.params, encode, config
  )
  return scorer(problems, steps)


def values(verifier: verifier_files.Verifier, held: Held) -> dict[str, float]:
  prefixes = held.prefixes
  scores = step_scores(
    verifier, prefixes.problems, prefixes.steps, finished=False
  )
  found = np.array([own[-1] for own in scores])
  error = float(np.mean((found - prefixes.value) ** 2))
  if prefixes.num_rollouts:  # whose noise is no error
    total = np.full(len(found), prefixes.num_rollouts)
    correct = np.round(prefixes.value * total).astype(int)
    error = calibration.monte_carlo_squared_error(found, correct, total)
  return {
    "value_mse": error,
    "spearman": ranking.spearman(found, prefixes.value),
    "ece": calibration.expected_error(found, prefixes.value),
  }


def first_errors(
  verifier: verifier_files.Verifier, held: Held
) -> dict[str, float]:
  """F1 with the threshold that is best on the validation split, and 0.5."""
  sides = []
  for rows in (held.validation, held.test):
    problems, steps, labels = zip(*rows, strict=True)
    scores = step_scores(verifier, problems, steps, finished=True)
    sides.append((scores, np.array(labels)))
  (scores, labels), (test, truth) = sides
  chosen = thresholds.choose(scores, labels)
  f1 = lambda threshold: float(
    processbench.f1_of_totals(
      processbench.sums(processbench.first_error(test, threshold), truth).sum(
        axis=0
      )
    )
  )
  return {"f1": f1(chosen.threshold), "f1_at_half": f1(0.5)}


def best_of_n(
  verifier: verifier_files.Verifier, held: Held
) -> dict[str, float]:
  """Accuracy of the best of ROWS solutions, by three aggregations.

  One that cannot be read has no steps, and is never chosen before others.
  """
  readable = [one for one in held.samples if one[1]]
  problems, steps, _ = zip(*readable, strict=True)
  scores = iter(step_scores(verifier, problems, steps, finished=True))
  rows = [next(scores) if one[1] else None for one in held.samples]
  right = np.array([one[2] for one in held.samples]).reshape(-1, ROWS)
  found = {"pass_at_1": float(right.mean())}
  for name, reduce in (("last", _last), ("min", np.min), ("product", np.prod)):
    own = np.array([-1.0 if row is None else reduce(row) for row in rows])
    chosen = own.reshape(-1, ROWS).argmax(axis=1)
    found[f"best_of_n_{name}"] = float(
      right[np.arange(len(right)), chosen].mean()
    )
  return found


def _last(scores: np.ndarray) -> float:
  return float(scores[-1])
