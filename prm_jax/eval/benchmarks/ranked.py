"""RewardMATH and RewardBench from their files."""

import dataclasses
from typing import ClassVar

import numpy as np

from prm_jax.data.formats import reward_bench, reward_math, rows
from prm_jax.eval import bootstrap, lessons, reward_pairs, rewardmath
from prm_jax.eval.benchmarks import base

RULES = (
  *("min", "max", "product", "geometric_mean"),
  *("mean", "mean_logit", "mean_odd", "last"),
)


@dataclasses.dataclass(frozen=True)
class RewardMath:
  """One right solution against several wrong ones, by every aggregate.

  Attributes:
    aggregates: rules of `search.aggregate`.
  """

  needs_scores: ClassVar[bool] = True
  aggregates: tuple[str, ...] = RULES

  def __post_init__(self):
    lessons.check_rules(self.aggregates)

  def measure(
    self, path: str, source: base.Source, resampling: base.Resampling
  ) -> list[base.Measure]:
    cases = rows.read(reward_math.FORMAT, path).records
    place = {id(case): i for i, case in enumerate(cases)}
    groups = reward_math.groups(cases)
    problems = tuple(map(reward_math.to_problem, cases))
    scores = source(
      base.Texts(problems, tuple(case.eval_solution for case in cases))
    )
    n = len(groups)
    found = []
    for rule in self.aggregates:
      rewards = lessons.aggregated(rule, scores)
      chosen = np.array([rewards[place[id(g.chosen)]] for g in groups])
      rejected = [
        np.array([rewards[place[id(case)]] for case in g.rejected])
        for g in groups
      ]
      for metric, values in (
        ("accuracy", rewardmath.strict(chosen, rejected)),
        ("accuracy_with_ties", rewardmath.with_ties(chosen, rejected)),
      ):
        own = bootstrap.accuracy(values.astype(float), **resampling.options)
        found.append(base.measured(rule, metric, own, n))
      ranks = rewardmath.reciprocal_ranks(chosen, rejected)
      own = bootstrap.mean(ranks, **resampling.options)
      found.append(base.measured(rule, "mrr", own, n))
    chance = [rewardmath.by_chance(len(g.rejected)) for g in groups]
    accuracy, mrr = np.mean(chance, axis=0)
    return [
      *found,
      base.Measure("chance", "accuracy", float(accuracy), n=n),
      base.Measure("chance", "mrr", float(mrr), n=n),
    ]


@dataclasses.dataclass(frozen=True)
class RewardBench:
  """Right against wrong in pairs.

  Attributes:
    subset: of the file; "" for all, and their section's average.
    aggregates: rules of `search.aggregate`.
    split: rule of `text.segments` that cuts answers into steps.
  """

  needs_scores: ClassVar[bool] = True
  subset: str = reward_bench.MATH
  aggregates: tuple[str, ...] = ("min", "product", "mean", "last")
  split: str = "blank_line"

  def __post_init__(self):
    lessons.check_rules(self.aggregates)

  def measure(
    self, path: str, source: base.Source, resampling: base.Resampling
  ) -> list[base.Measure]:
    form = reward_bench.make(reward_bench.Config(self.subset))
    pairs = rows.read(form, path).records
    problems, steps = [], []
    for pair in pairs:
      problem = next(iter(reward_bench.solved(pair))).problem
      for answer in (pair.chosen, pair.rejected):
        problems.append(problem)
        steps.append(reward_bench.steps(answer, self.split))
    scores = source(base.Texts(tuple(problems), tuple(steps)))
    names = np.array([pair.subset for pair in pairs])
    found = []
    for rule in self.aggregates:
      rewards = lessons.aggregated(rule, scores)
      found += _pairs(rule, names, rewards, resampling)
    return found


def _pairs(rule, names, rewards, resampling) -> list[base.Measure]:
  chosen, rejected = rewards[::2], rewards[1::2]
  won = reward_pairs.won(chosen, rejected)
  tied = reward_pairs.tied(chosen, rejected)
  found, by_subset = [], {}
  for name in dict.fromkeys(names.tolist()):
    own = names == name
    share = bootstrap.accuracy(won[own].astype(float), **resampling.options)
    by_subset[name] = share.value
    title = f"{rule}/{name}" if name else rule
    found.append(base.measured(title, "accuracy", share, int(own.sum())))
    ties = float(np.mean(tied[own]))
    found.append(base.Measure(title, "tied", ties, n=int(own.sum())))
  if len(by_subset) > 1 and set(by_subset) & set(reward_pairs.REASONING):
    section = reward_pairs.section(by_subset)
    n = int(np.isin(names, list(reward_pairs.REASONING)).sum())
    found.append(base.Measure(f"{rule}/reasoning", "section", section, n=n))
  return found
