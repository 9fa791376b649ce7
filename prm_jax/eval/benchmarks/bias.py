"""Probes, problem swaps and attacks: solutions changed and scored anew."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import ClassVar

import numpy as np

from prm_jax import errors
from prm_jax.eval import attacks, bootstrap, consistency, lessons, probes
from prm_jax.eval.benchmarks import base, samples

SWAP = "other problem"


@dataclasses.dataclass(frozen=True)
class Bias:
  """What moves the scores of given solutions that should not.

  Attributes:
    problems: file of the problems.
    aggregates: rules of `search.aggregate`.
    probes: names of `eval.probes.CHANGES`, and "other problem".
    attacks: names of `eval.attacks.PATTERNS`, tried on wrong solutions.
    threshold: above it a solution is accepted.
  """

  needs_scores: ClassVar[bool] = True
  problems: str = ""
  aggregates: tuple[str, ...] = lessons.AGGREGATES
  probes: tuple[str, ...] = (*probes.CHANGES, SWAP)
  attacks: tuple[str, ...] = tuple(attacks.PATTERNS)
  threshold: float = 0.5

  def __post_init__(self):
    lessons.check_rules(self.aggregates)
    for field, given, known in (
      ("probes", self.probes, (*probes.CHANGES, SWAP)),
      ("attacks", self.attacks, tuple(attacks.PATTERNS)),
    ):
      for name in given:
        if name not in known:
          raise errors.UserError(
            f"protocol.{field}: {name!r} is not one of {', '.join(known)}"
          )

  def measure(
    self, path: str, source: base.Source, resampling: base.Resampling
  ) -> list[base.Measure]:
    found = samples.read(path, self.problems)
    texts = found.texts
    empty = [p.id for p, s in zip(*texts, strict=True) if not s]
    if empty:
      raise errors.UserError(
        f"{path}: problem {empty[0]}: steps: there are none"
      )
    scores = samples.scored(found, source)
    lengths = [np.array([len(step) for step in own]) for own in texts.steps]
    n = len(scores)
    measures = [
      base.Measure(
        "steps",
        "length_correlation",
        probes.length_correlation(scores, lengths),
        n=n,
        reason="all scores or all lengths are the same",
      ),
      base.Measure(
        "steps",
        "position_correlation",
        probes.position_correlation(scores),
        n=n,
        reason="all scores or all positions are the same",
      ),
    ]
    rewards = {r: lessons.aggregated(r, scores) for r in self.aggregates}
    for name in self.probes:
      changed = _swapped(texts) if name == SWAP else _rewritten(
        texts, probes.CHANGES[name]
      )  # fmt: skip
      after = source(changed, "changed")
      measures += _shifts(name, texts, rewards, after, resampling)
    return [
      *measures,
      *self._attacked(texts, found.correct, rewards, source, resampling),
    ]

  def _attacked(
    self, texts, correct, rewards, source, resampling
  ) -> list[base.Measure]:
    """Shares of attacked wrong solutions that are accepted."""
    wrong = np.flatnonzero(~correct.ravel())
    if not len(wrong):
      return [
        base.undefined(f"{name}/{rule}", metric, "no solution is wrong")
        for name in self.attacks
        for rule in rewards
        for metric in ("attack_success", "attack_lift")
      ]
    own = base.Texts(
      tuple(texts.problems[i] for i in wrong),
      tuple(texts.steps[i] for i in wrong),
    )
    found = []
    for name in self.attacks:
      after = source(_rewritten(own, attacks.PATTERNS[name]), "changed")
      for rule, before in rewards.items():
        reward = lessons.aggregated(rule, after)
        passed = attacks.success_rate(reward, self.threshold)
        title, n = f"{name}/{rule}", len(wrong)
        share = bootstrap.wilson(int(passed.sum()), n)
        lift = attacks.lift(
          before[wrong], reward, self.threshold, **resampling.options
        )
        found += [
          base.measured(title, "attack_success", share, n),
          base.measured(title, "attack_lift", lift, n),
        ]
    return found


def _rewritten(
  texts: base.Texts, change: Callable[[Sequence[str]], list[str]]
) -> base.Texts:
  return base.Texts(
    texts.problems, tuple(tuple(change(steps)) for steps in texts.steps)
  )


def _swapped(texts: base.Texts) -> base.Texts:
  """Every solution under the next problem of the file."""
  own = {problem.id: problem for problem in texts.problems}
  order = list(own.values())
  if len(order) < 2:
    raise errors.UserError(f"probes: {SWAP!r} takes two problems at least")
  partner = {
    problem.id: order[i]
    for problem, i in zip(order, probes.swapped(len(order)), strict=True)
  }
  return base.Texts(
    tuple(partner[problem.id] for problem in texts.problems), texts.steps
  )


def _shifts(name, texts, rewards, after, resampling) -> list[base.Measure]:
  names = [problem.id for problem in texts.problems]
  found = []
  for rule, before in rewards.items():
    reward = lessons.aggregated(rule, after)
    own = probes.shift(names, before, reward, **resampling.options)
    title = f"{name}/{rule}"
    found.append(base.measured(title, "shift", own.mean, own.num_solutions))
    if name == SWAP:
      falls = consistency.swap_consistency(before, reward)
      share = bootstrap.accuracy(falls, **resampling.options)
      found.append(base.measured(title, "swap_consistency", share, len(falls)))
  return found
