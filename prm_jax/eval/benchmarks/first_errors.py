"""ProcessBench from its files, by step scores and a threshold."""

import collections
import dataclasses
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from prm_jax import errors
from prm_jax.data.formats import process_bench, rows
from prm_jax.eval import (
  bootstrap,
  processbench,
  signal,
  thresholds,
)
from prm_jax.eval.benchmarks import (
  base,
  probabilities,
  sources,
  thresholding,
)

AVERAGE = "average"
# (predicted, labels, problems) of each subset.
Predicted = Mapping[str, tuple[np.ndarray, np.ndarray, list[str]]]


@dataclasses.dataclass(frozen=True)
class Scored:
  """By step scores and a threshold.

  Attributes:
    threshold: its rule.
    subsets: names of those to evaluate; empty: all but the one a threshold is
      chosen on.
    num_bins: of the reliability of steps up to the first error.
    against: scores of another verifier, to be compared with on the same
      solutions, at the threshold that its own scores give.
  """

  needs_scores: ClassVar[bool] = True
  threshold: thresholding.Config = dataclasses.field(
    default_factory=thresholding.Config
  )
  subsets: tuple[str, ...] = ()
  num_bins: int = 10
  against: str = ""

  def measure(
    self, path: str, source: base.Source, resampling: base.Resampling
  ) -> list[base.Measure]:
    cases = read(path)
    for case in cases:
      if not case.steps:
        raise errors.UserError(f"{path}: id {case.id}: steps: there are none")
    scores = source(thresholding.texts(cases))
    found = thresholding.Cases(cases, tuple(scores)).subsets
    names = self._names(found, path)
    chosen = {name: found[name] for name in names}
    others = {k: v for k, v in found.items() if k not in chosen}
    best, value = self._threshold(chosen, others, source)
    measures = [base.Measure("threshold", "threshold", float(value))]
    if best is not None:
      measures.append(base.Measure("held out", "f1_held_out", best.f1))
    predicted = _predictions(chosen, value)
    measures += f1_measures(predicted, resampling)
    if self.against:
      measures += self._compare(cases, names, predicted, resampling)
    for name, own in chosen.items():
      measures += _false_finals(name, own, value)
      measures += _steps(name, own, resampling, self.num_bins)
    return measures

  def _threshold(
    self,
    chosen: dict[str, thresholding.Cases],
    others: dict[str, thresholding.Cases],
    source: base.Source,
  ) -> tuple[thresholds.Chosen | None, float]:
    best = thresholding.find(self.threshold, chosen, others, source)
    return best, self.threshold.value if best is None else best.threshold

  def _compare(
    self,
    cases: tuple[process_bench.Case, ...],
    names: list[str],
    predicted: Predicted,
    resampling: base.Resampling,
  ) -> list[base.Measure]:
    """What it is ahead of another verifier, and whether that is chance."""
    if self.threshold.rule == "file":
      raise errors.UserError(
        "protocol.against: there are no scores of the other verifier for"
        " threshold.file; use a fixed threshold or a split"
      )
    source = sources.File(self.against)
    scores = source(thresholding.texts(cases))
    found = thresholding.Cases(cases, tuple(scores)).subsets
    chosen = {name: found[name] for name in names}
    others = {k: v for k, v in found.items() if k not in chosen}
    _, value = self._threshold(chosen, others, source)
    other = _predictions(chosen, value)
    gap = processbench.f1_difference(predicted, other, **resampling.options)
    sides = [
      np.concatenate([own[0] == own[1] for own in side.values()])
      for side in (predicted, other)
    ]
    test = signal.mcnemar(*sides)
    n = len(sides[0])
    return [
      base.measured(AVERAGE, "f1_difference", gap, n),
      base.Measure(AVERAGE, "share_not_ahead", gap.share_against, n=n),
      base.Measure(AVERAGE, "mcnemar_p", test.p_value, n=n),
    ]

  def _names(self, found: Mapping[str, object], path: str) -> list[str]:
    for name in self.subsets:
      if name not in found:
        raise errors.UserError(
          f"subsets: {name!r} is empty, {path} has {', '.join(found)}"
        )
    held_out = self.threshold.split if self.threshold.rule == "split" else ""
    names = list(self.subsets) or [n for n in found if n != held_out]
    if not names:
      raise errors.UserError(
        f"threshold.split: {held_out!r} is the only subset, nothing is left to"
        " evaluate; a threshold is not chosen on the test split"
      )
    return names


def _predictions(
  subsets: Mapping[str, thresholding.Cases], threshold: float
) -> Predicted:
  return {
    name: (
      processbench.first_error(own.scores, threshold),
      own.labels,
      [case.problem for case in own.cases],
    )
    for name, own in subsets.items()
  }


def f1_measures(
  predicted: Predicted, resampling: base.Resampling
) -> list[base.Measure]:
  """Accuracies and F1 of each subset, and the average F1."""
  found = []
  for name, own in predicted.items():
    tally = processbench.tally(
      *own, seed=resampling.seed, num_resamples=resampling.num_resamples
    )
    labels = own[1]
    sizes = {
      "f1": len(labels),
      "error_accuracy": int(np.sum(labels != processbench.NONE)),
      "correct_accuracy": int(np.sum(labels == processbench.NONE)),
    }
    values = {
      "f1": tally.f1,
      "error_accuracy": tally.error_accuracy,
      "correct_accuracy": tally.correct_accuracy,
    }
    for metric, value in values.items():
      size = sizes[metric]
      found.append(
        base.measured(name, metric, value, size)
        if size
        else base.undefined(name, metric, "no such solution is there")
      )
  average = processbench.average_f1(predicted, **resampling.options)
  total = sum(len(own[1]) for own in predicted.values())
  return [*found, base.measured(AVERAGE, "f1", average, total)]


def read(path: str) -> tuple[process_bench.Case, ...]:
  cases = tuple(rows.read(process_bench.FORMAT, path).records)
  counts = collections.Counter(case.id for case in cases)
  name, times = counts.most_common(1)[0]
  if times > 1:
    raise errors.UserError(f"{path}: id {name!r} stands there {times} times")
  return cases


def _false_finals(
  name: str, own: thresholding.Cases, threshold: float
) -> list[base.Measure]:
  """Right answers with a wrong step, and how many of these are accepted."""
  right = np.array([case.final_answer_correct for case in own.cases], bool)
  false = processbench.false_finals(own.labels, right)
  among, metric = "process_errors_among_correct_answers", "accepted_of_these"
  if not right.any():
    reason = "no answer is right"
    return [base.undefined(name, m, reason) for m in (among, metric)]
  share = bootstrap.wilson(int(false.sum()), int(right.sum()))
  found = [base.measured(name, among, share, int(right.sum()))]
  if not false.any():
    reason = "no right answer has a wrong step"
    return [*found, base.undefined(name, metric, reason)]
  taken = processbench.accepted(own.scores, threshold)[false]
  share = bootstrap.wilson(int(taken.sum()), len(taken))
  return [*found, base.measured(name, metric, share, len(taken))]


def _steps(
  name: str,
  own: thresholding.Cases,
  resampling: base.Resampling,
  num_bins: int,
) -> list[base.Measure]:
  """Calibration over steps whose label is known: up to the first error."""
  predicted, outcomes, problems = [], [], []
  for case, scores in zip(own.cases, own.scores, strict=True):
    known = len(scores) if case.label < 0 else case.label + 1
    predicted.append(scores[:known])
    outcomes.append(np.arange(known) != case.label)
    problems += [case.problem] * known
  return probabilities.measures(
    name,
    np.concatenate(predicted),
    np.concatenate(outcomes).astype(float),
    problems,
    resampling,
    num_bins,
  )
