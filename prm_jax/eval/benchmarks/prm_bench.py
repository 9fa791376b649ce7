"""PRMBench from its file."""

import dataclasses
from typing import ClassVar

import numpy as np

from prm_jax import errors
from prm_jax.data.formats import prm_bench, rows
from prm_jax.eval import bootstrap, prmbench, totals
from prm_jax.eval.benchmarks import base
from prm_jax.tasks import base as tasks


@dataclasses.dataclass(frozen=True)
class PrmBench:
  """Step verdicts by a threshold, by class of error.

  The originals of the redundant solutions are scored too: what is accepted of
  them is compared with what is accepted after the change. They stand for a
  class of their own and are in no total.

  Attributes:
    threshold: a step above it is said to be right.
  """

  needs_scores: ClassVar[bool] = True
  threshold: float = prmbench.THRESHOLD

  def measure(
    self, path: str, source: base.Source, resampling: base.Resampling
  ) -> list[base.Measure]:
    changed = rows.read(prm_bench.FORMAT, path).records
    originals = [prm_bench.originals(case) for case in changed]
    cases = [*changed, *(case for case in originals if case is not None)]
    for case in cases:
      if not case.modified_process:
        raise errors.UserError(
          f"{path}: idx {case.idx}: modified_process: there are no steps"
        )
    problems = tuple(
      tasks.Problem(
        f"{prm_bench.NAME}/{case.idx}",
        prm_bench.NAME,
        case.modified_question,
        None,
      )
      for case in cases
    )
    texts = base.Texts(problems, tuple(c.modified_process for c in cases))
    said = [own > self.threshold for own in source(texts)]
    right = [np.array(case.labels, bool) for case in cases]
    whole = slice(0, len(changed))
    return [
      *_totals("total", changed, said[whole], right[whole], resampling),
      *_classes(cases, said, right, resampling),
      *_gaps(cases, said),
    ]


def _totals(name, cases, said, right, resampling) -> list[base.Measure]:
  pairs = zip(said, right, strict=True)
  counts = np.stack([prmbench.confusion(s, r) for s, r in pairs])
  sums = totals.by_problem([case.source_id for case in cases], counts)
  score = totals.interval(
    lambda t: prmbench.class_score(name, t), sums, **resampling.options
  )
  total = counts.sum(0)
  found = prmbench.scores(total)
  n = len(cases)
  accuracies = prmbench.step_accuracies(total)
  numbers = {
    "f1": found.f1,
    "negative_f1": found.negative_f1,
    "correct_step_accuracy": accuracies[0],
    "wrong_step_accuracy": accuracies[1],
  }
  pairs = zip(said, right, strict=True)
  told = [prmbench.first_error_found(s, r) for s, r in pairs]
  firsts = [own for own in told if own is not None]
  measures = [base.measured(name, "prm_score", score, n)]
  measures += [
    base.Measure(name, metric, float(value), n=n)
    for metric, value in numbers.items()
  ]
  if not firsts:
    reason = "no solution has a wrong step"
    measures.append(base.undefined(name, "first_error_accuracy", reason))
  else:
    share = bootstrap.wilson(sum(firsts), len(firsts))
    own = base.measured(name, "first_error_accuracy", share, len(firsts))
    measures.append(own)
  return measures


def _classes(cases, said, right, resampling) -> list[base.Measure]:
  found = []
  scores = {}
  for name in dict.fromkeys(case.classification for case in cases):
    own = [i for i, case in enumerate(cases) if case.classification == name]
    measures = _totals(
      name,
      [cases[i] for i in own],
      [said[i] for i in own],
      [right[i] for i in own],
      resampling,
    )
    scores[name] = measures[0].value
    found += measures
  categories = prmbench.category_scores(scores)
  sizes = {
    name: sum(case.classification in names for case in cases)
    for name, names in prmbench.CATEGORIES.items()
  }
  return [
    *found,
    *(
      base.Measure(name, "prm_score", value, n=sizes[name])
      for name, value in categories.items()
    ),
  ]


def _gaps(cases, said) -> list[base.Measure]:
  """How much acceptance moves with the change, where the original is there."""
  originals = {
    case.source_id: verdict
    for case, verdict in zip(cases, said, strict=True)
    if case.classification == prm_bench.CORRECT
  }
  gaps: dict[str, list[float]] = {}
  for case, verdict in zip(cases, said, strict=True):
    before = originals.get(case.source_id)
    if case.classification != prm_bench.CORRECT and before is not None:
      own = prmbench.acceptance_gap(verdict, before)
      gaps.setdefault(case.classification, []).append(own)
  if not gaps:
    return [base.undefined("total", "similarity", "no original is there")]
  return [
    base.Measure(name, "similarity", float(np.mean(own)), n=len(own))
    for name, own in gaps.items()
  ]
