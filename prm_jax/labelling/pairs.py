"""Preferred steps from the labels of a problem's solutions.

The labels of all solutions of a problem make a tree: a prefix, the ways in
which solutions go on from it, and the value of each. A rule picks, among the
ways on from one prefix, which is preferred to which.
"""

import dataclasses
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias

from prm_jax import errors
from prm_jax.data import records
from prm_jax.labelling import counts

PREFIX, VISITS = "prefix", "visits"  # of a label's last step, in `extra`
_SLACK = 1e-9  # values are ratios of small numbers

Steps: TypeAlias = tuple[str, ...]
Rule: TypeAlias = Literal[
  "all", "extremes", "signs", "sign_extremes", "first_error", "responses"
]


class Way(NamedTuple):
  """A way to go on from a prefix.

  Attributes:
    steps: behind the prefix.
    value: in [0, 1].
    num_total: completions it rests on, 0 for other sources.
    visits: of a search, else paths or completions.
    is_error: the first wrong step of a solution.
  """

  steps: Steps
  value: float
  num_total: int
  visits: int
  is_error: bool


@dataclasses.dataclass(frozen=True)
class PairConfig:
  """Which pairs are made.

  Attributes:
    rule: "all", any two ways on (OmegaPRM's pairwise labels, and with a margin
      of 0.375 the pairs of Tree-PLV, arXiv 2407.00390); "extremes", the best
      and the worst of a prefix (Q-value models, 2409.09345, and MCTS-DPO,
      2405.00451); "signs", those above 1/2 against those below, which is
      Q = 2 V - 1 of another sign, and "sign_extremes", the best and worst of
      these (CPL, 2409.08642); "first_error", the first wrong step of a
      solution against the best right one (Step-DPO, 2406.18629); "responses",
      any two whole solutions by the values of their ends, as lists (TPO,
      2410.12854).
    margin: least difference of the values; equal values make no pair.
  """

  rule: Rule = "all"
  margin: float = 0.0

  def __post_init__(self):
    if not 0 <= self.margin <= 1:
      raise errors.UserError("pairs.margin: must be in [0, 1]")


def from_labels(
  labels: Sequence[records.StepLabels], config: PairConfig
) -> list[records.StepPair]:
  """Pairs of the trees that these labels make, in their order.

  Args:
    labels: per step; those of a problem make one tree.
    config: see there.

  Returns:
    Records whose `extra` has the rule, and visits and completions of both
    sides. Of rule "responses" the prefix is empty and `extra` has the places
    of both in the problem's list.

  Raises:
    UserError: labels per token.
  """
  families = responses(labels) if config.rule == "responses" else ways(labels)
  found = []
  for (problem_id, prefix), family in families.items():
    for better, worse in _RULES[config.rule](family):
      gap = better.value - worse.value
      if gap > _SLACK and gap >= config.margin - _SLACK:
        pair = _pair(problem_id, prefix, better, worse, config.rule)
        if config.rule == "responses":
          places = [family.index(better), family.index(worse)]
          pair = dataclasses.replace(pair, extra={**pair.extra, "list": places})
        found.append(pair)
  return found


def ways(
  labels: Sequence[records.StepLabels],
) -> dict[tuple[str, Steps], list[Way]]:
  """By problem and prefix: how solutions go on, each step once.

  A step that several records label has the value of the record with the most
  completions, the first of these; it is a first error where it is one in any.
  """
  found: dict[tuple[str, Steps], dict[Steps, Way]] = {}
  valued = [(label, values(label)) for label in labels]
  known = {
    (label.problem_id, counts.steps(label)[: k + 1]): value
    for label, own in valued
    for k, value in enumerate(own)
    if value is not None
  }
  for label, own in valued:
    steps = counts.steps(label)
    for k, value in enumerate(own):
      if value is None:
        continue
      last = k == len(steps) - 1
      start = _told(label, PREFIX, k, k) if last else k
      prefix = steps[:start]
      before = known.get((label.problem_id, prefix), 1.0)
      way = Way(
        steps=steps[start : k + 1],
        value=value,
        num_total=label.n_total[k],
        visits=_visits(label, k),
        is_error=label.first_error == k
        or (label.first_error is None and not value and before > 0),
      )
      family = found.setdefault((label.problem_id, prefix), {})
      family[way.steps] = _merged(family.get(way.steps), way)
  return {key: list(family.values()) for key, family in found.items()}


def responses(
  labels: Sequence[records.StepLabels],
) -> dict[tuple[str, Steps], list[Way]]:
  """By problem: its solutions, with the values of their last steps."""
  found: dict[tuple[str, Steps], dict[Steps, Way]] = {}
  for label in labels:
    steps, value = counts.steps(label), values(label)[-1:]
    if value and value[0] is not None:
      k = len(steps) - 1
      way = Way(steps, value[0], label.n_total[k], _visits(label, k), False)
      family = found.setdefault((label.problem_id, ()), {})
      family[steps] = _merged(family.get(steps), way)
  return {key: list(family.values()) for key, family in found.items()}


def values(label: records.StepLabels) -> list[float | None]:
  """What is known of each step: its probability, share or class."""
  if label.soft is not None:
    return list(label.soft)
  shares = [
    k / n if n else None
    for k, n in zip(label.n_correct, label.n_total, strict=True)
  ]
  hard = label.hard or [None] * len(shares)
  return [
    float(h) if share is None and h is not None else share
    for share, h in zip(shares, hard, strict=True)
  ]


def _visits(label: records.StepLabels, k: int) -> int:
  total = label.n_total[k]
  last = k == len(label.n_total) - 1
  return _told(label, VISITS, total) if last else total


def _told(
  label: records.StepLabels, name: str, default: int, most: int | None = None
) -> int:
  """A count in `extra`; UserError if it is none."""
  value = label.extra.get(name, default)
  if type(value) is not int or value < 0 or (most is not None and value > most):
    raise errors.UserError(f"extra.{name}: {value!r} is no such number")
  return value


def _merged(one: Way | None, other: Way) -> Way:
  if one is None:
    return other
  kept = other if other.num_total > one.num_total else one
  return kept._replace(is_error=one.is_error or other.is_error)


_Chosen: TypeAlias = list[tuple[Way, Way]]


def _all(family: Sequence[Way]) -> _Chosen:
  pairs = itertools.combinations(family, 2)
  return [(a, b) if a.value > b.value else (b, a) for a, b in pairs]


def _extremes(family: Sequence[Way]) -> _Chosen:
  best = max(family, key=lambda way: way.value)
  return [(best, min(family, key=lambda way: way.value))]


def _signs(family: Sequence[Way]) -> _Chosen:
  above = [way for way in family if way.value > 0.5]
  below = [way for way in family if way.value < 0.5]
  return list(itertools.product(above, below))


def _sign_extremes(family: Sequence[Way]) -> _Chosen:
  (pair,) = _extremes(family)
  return [pair] if pair[0].value > 0.5 > pair[1].value else []


def _first_error(family: Sequence[Way]) -> _Chosen:
  best = max(family, key=lambda way: (not way.is_error, way.value))
  if best.is_error or not best.value:
    return []
  return [(best, way) for way in family if way.is_error]


_RULES: Mapping[str, Callable[[Sequence[Way]], _Chosen]] = {
  "all": _all,
  "extremes": _extremes,
  "signs": _signs,
  "sign_extremes": _sign_extremes,
  "first_error": _first_error,
  "responses": _all,
}


def _pair(
  problem_id: str, prefix: Steps, better: Way, worse: Way, rule: str
) -> records.StepPair:
  sides = (("better", better), ("worse", worse))
  extra: dict[str, object] = {"rule": rule}
  for name, way in sides:
    extra[f"{name}_visits"] = way.visits
    extra[f"{name}_total"] = way.num_total
  return records.StepPair(
    problem_id=problem_id,
    prefix=prefix,
    better=better.steps,
    worse=worse.steps,
    better_value=better.value,
    worse_value=worse.value,
    extra=extra,
  )
