"""PRM@N, votes and over-optimisation, from N solutions of each problem."""

import dataclasses
import functools
from typing import Any, ClassVar

import numpy as np

from prm_jax import errors
from prm_jax.eval import (
  accuracy,
  bootstrap,
  lessons,
  overoptimisation,
  probes,
  totals,
)
from prm_jax.eval.benchmarks import base, samples
from prm_jax.search import votes

PROXY, GOLD = "proxy_at_n", "gold_at_n"


@dataclasses.dataclass(frozen=True)
class BestOfN:
  """Selection by a verifier, and what it looks at.

  Attributes:
    problems: file of the problems, for `Solution` records.
    aggregates: rules of `search.aggregate`.
    ks: sizes to select from; empty: 1, 2, 4, ... and all.
    threshold: for what is accepted and called wrong.
  """

  needs_scores: ClassVar[bool] = True
  problems: str = ""
  aggregates: tuple[str, ...] = lessons.AGGREGATES
  ks: tuple[int, ...] = ()
  threshold: float = 0.5

  def __post_init__(self):
    lessons.check_rules(self.aggregates)

  def measure(
    self, path: str, source: base.Source, resampling: base.Resampling
  ) -> list[base.Measure]:
    found = samples.read(path, self.problems)
    scores = samples.scored(found, source)
    correct, num_problems = found.correct, len(found.correct)
    ks = self._ks(correct.shape[1], path)
    rewards = {
      rule: lessons.aggregated(rule, scores).reshape(correct.shape)
      for rule in self.aggregates
    }
    rules: dict[str, votes.Rule] = {"weighted": votes.weighted}
    answers = found.answers
    has_answers = any(a is not None for row in answers for a in row)
    table = accuracy.table(
      correct,
      ks,
      answers=answers if has_answers else None,
      scores=rewards,
      # A vote's weights are not negative.
      rules=rules if _are_weights(rewards) else None,
    )
    measures = [
      base.measured(
        name,
        "accuracy",
        bootstrap.accuracy(np.clip(own, 0, 1), **resampling.options),
        num_problems,
      )
      for name, own in table.items()
    ]
    if not has_answers:
      reason = "no solution has an answer"
      measures.append(base.undefined("votes", "accuracy", reason))
    elif not _are_weights(rewards):
      reason = "scores below 0 are no weights"
      measures.append(base.undefined("weighted votes", "accuracy", reason))
    for rule, own in rewards.items():
      measures += _curve(rule, own, correct, ks, resampling)
    return [*measures, *self._view(scores, found, rewards, resampling)]

  def _ks(self, num_samples: int, path: str) -> list[int]:
    ks = list(self.ks)
    if not ks:
      ks = [1 << i for i in range(num_samples.bit_length())]
      ks = sorted({*(k for k in ks if k < num_samples), num_samples})
    for k in ks:
      if not 1 <= k <= num_samples:
        raise errors.UserError(
          f"protocol.ks: {k} is outside 1..{num_samples}, the solutions that"
          f" {path} has of each problem"
        )
    return ks

  def _view(
    self,
    scores: list[np.ndarray],
    found: samples.Samples,
    rewards: dict[str, np.ndarray],
    resampling: base.Resampling,
  ) -> list[base.Measure]:
    """Does it judge steps or responses? See `eval.lessons`."""
    some = [own for own in scores if len(own)]
    names = [p.id for p, s in zip(found.texts.problems, scores, strict=True)
             if len(s)]  # fmt: skip
    share = functools.partial(_share, names, resampling)
    measures = [
      share("minimum_at_last_step", lessons.minimum_at_last(some)),
      share("minimum_at_last_step_by_chance", lessons.by_chance(some)),
      share(
        "accepted_in_the_end_only", lessons.disagreement(some, self.threshold)
      ),
      base.Measure(
        "steps",
        "minimum_at_last_step_by_position",
        lessons.position_matched(some, seed=resampling.seed),
        n=len(some),
      ),
      base.Measure(
        "steps",
        "position_correlation",
        probes.position_correlation(some),
        n=len(some),
        reason="all scores or all positions are the same",
      ),
    ]
    measures += [
      base.Measure(
        rule,
        "step_count_correlation",
        probes.count_correlation(own.ravel(), scores),
        n=own.size,
        reason="all scores or all numbers of steps are the same",
      )
      for rule, own in rewards.items()
    ]
    return measures


def _are_weights(rewards: dict[str, np.ndarray]) -> bool:
  return all(own.min() >= 0 for own in rewards.values())


def _share(names, resampling, metric: str, values: Any) -> base.Measure:
  """Over solutions, those of one problem together."""
  table = np.stack([values.astype(float), np.ones(len(values))], axis=1)
  own = totals.interval(
    lambda t: t[..., 0] / t[..., 1],
    totals.by_problem(names, table),
    **resampling.options,
  )
  return base.measured("steps", metric, own, len(values))


def _curve(rule, rewards, correct, ks, resampling) -> list[base.Measure]:
  """Proxy and truth as N grows, and the fit of gold = d (a - b d)."""
  own = overoptimisation.curve(
    rewards, correct.astype(float), ks, **resampling.options
  )
  n = len(correct)
  found = [
    base.measured(rule, metric, value, n, float(k))
    for metric, values in ((PROXY, own.proxy), (GOLD, own.gold))
    for k, value in zip(own.num, values, strict=True)
  ]
  base_value = correct.mean()
  if sum(k > 1 for k in ks) < 2:
    reason = "needs two sizes above 1"
    return [
      *found,
      base.undefined(rule, "overoptimisation_a", reason, n),
      base.undefined(rule, "overoptimisation_b", reason, n),
    ]
  gain = np.array([value.value - base_value for value in own.gold])
  fit = overoptimisation.fit_best_of_n(own.kl, gain)
  return [
    *found,
    base.Measure(rule, "overoptimisation_a", fit.a, n=n),
    base.Measure(rule, "overoptimisation_b", fit.b, n=n),
  ]
