"""Where labels come from, each for the same number of tokens.

A source draws solutions until what they and their labels have cost reaches
the budget. The cost of a solution is its own tokens and those of the
completions that it was the first to ask for.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import settings

from prm_jax.data import records
from prm_jax.labelling import (
  advantages,
  consensus,
  judges,
  omega,
  omega_tree,
  references,
  relative_progress,
  rollouts,
)
from prm_jax.solvers import rollouts as completions
from prm_jax.tasks import base as tasks

CHUNK = 64  # solutions drawn at a time
PROBLEMS = 16  # searched at a time
NOISE = judges.Noise(accuracy=0.9, accuracy_wrong=0.8)


class Labelled(NamedTuple):
  """What a budget buys.

  Attributes:
    records: solutions or step labels.
    tokens: what was spent.
    told: counts to be reported.
  """

  records: Sequence[Any]
  tokens: int
  told: Mapping[str, Any]


SourceFn: TypeAlias = Callable[[settings.Setting, int, int], Labelled]


def outcomes(setting: settings.Setting, budget: int, seed: int) -> Labelled:
  """Solutions, of which only the answer is checked."""
  given, tokens = _buy(setting, budget, seed)
  solutions = [
    records.Solution(
      one.problem.id,
      one.steps,
      None,
      setting.task.verify(one.problem, one.steps).correct,
      setting.completer,
    )
    for one in given
  ]
  return Labelled(solutions, tokens, {"solutions": len(given)})


def oracle(setting: settings.Setting, budget: int, seed: int) -> Labelled:
  """Right or wrong by the task itself; only the solutions cost."""
  return _truth(setting, budget, seed, lambda truth: truth.valid)


def solvable(setting: settings.Setting, budget: int, seed: int) -> Labelled:
  """Whether the best play can still win; only the solutions cost."""
  return _truth(setting, budget, seed, lambda truth: truth.solvable)


def rolled(**options: Any) -> SourceFn:
  """Completions of every step."""
  config = rollouts.RolloutConfig(**options)

  def source(setting: settings.Setting, budget: int, seed: int) -> Labelled:
    labels, tokens = _roll(setting, budget, seed, config)
    return Labelled(labels, tokens, {"solutions": len(labels)})

  return source


def progress(setting: settings.Setting, budget: int, seed: int) -> Labelled:
  """Relative progress from the same completions, and those of the problem."""
  config = rollouts.RolloutConfig(root=True)
  labels, tokens = _roll(setting, budget, seed, config)
  found = relative_progress.relabel(labels, relative_progress.Config())
  return Labelled(found.labels, tokens, {"solutions": len(labels)})


def agreed(setting: settings.Setting, budget: int, seed: int) -> Labelled:
  """Completions, kept where a judge puts the first error at one place."""
  labels, tokens = _roll(setting, budget, seed, rollouts.RolloutConfig())
  by_id = {problem.id: problem for problem in setting.train}
  found = consensus.relabel(
    labels,
    [by_id[label.problem_id] for label in labels],
    judges.Noisy(setting.task, NOISE),
    consensus.Config(),
  )
  told = {"solutions": len(labels), "survival": found.told["survival"]}
  return Labelled(found.labels, tokens, told)


def advantage(setting: settings.Setting, budget: int, seed: int) -> Labelled:
  """PAV: the policy's value and half the progress of the best of 4."""
  config = rollouts.RolloutConfig(root=True)
  labels, tokens = _roll(setting, budget, seed, config)
  found = advantages.relabel(
    labels,
    None,
    advantages.Config(target="effective", until_pit=False, balanced=False),
  )
  return Labelled(found.labels, tokens, {"solutions": len(labels)})


def halved(setting: settings.Setting, budget: int, seed: int) -> Labelled:
  """OmegaPRM, problem by problem."""
  config = omega_tree.OmegaConfig(num_searches=8)
  labels: list[records.StepLabels] = []
  spent = searched = 0
  while spent < budget:
    lines = range(searched, searched + PROBLEMS)
    found = omega.label(
      [(line, setting.train[line % len(setting.train)]) for line in lines],
      lambda problems, steps: setting.write(problems, steps, config.num, seed),
      config,
      setting.completer,
      setting.fits,
    )
    for own in found:
      if spent >= budget:
        break
      labels += own.labels
      spent += own.told[rollouts.COST]["policy_tokens"]
      searched += 1
  return Labelled(labels, spent, {"edges": len(labels), "searched": searched})


SOURCES: Mapping[str, SourceFn] = {
  "outcomes": outcomes,
  "oracle": oracle,
  "solvable": solvable,
  "hard": rolled(),
  "soft": rolled(targets="soft"),
  "soft_2": rolled(targets="soft", num=2),
  "progress": progress,
  "advantage": advantage,
  "agreed": agreed,
  "halved": halved,
}


class _Remembering:
  """Completions of prefixes, which cost nothing when asked for again."""

  def __init__(self, setting: settings.Setting, num: int, seed: int):
    self._setting, self._num, self._seed = setting, num, seed
    self._known: set[tuple[str, settings.Steps]] = set()

  def __call__(
    self, problems: Sequence[tasks.Problem], steps: Sequence[settings.Steps]
  ) -> completions.Completions:
    found = completions.count(
      self._setting.write(problems, steps, self._num, self._seed)
    )
    keys = list(zip([p.id for p in problems], steps, strict=True))
    fresh = [key not in self._known for key in keys]
    self._known.update(keys)
    return found._replace(num_tokens=found.num_tokens * np.array(fresh))


def _drawn(
  setting: settings.Setting, seed: int
) -> Iterator[tuple[list[rollouts.Given], list[int]]]:
  """Chunks of one long list of solutions, and the tokens of each.

  All sources see the same ones first.
  """
  tokenizer = setting.tokenizer()
  for start in itertools.count(0, CHUNK):
    given = setting.draw(seed, start, CHUNK)
    yield (
      given,
      [
        references.num_tokens(tokenizer, one.problem, one.steps)
        for one in given
      ],
    )


def _truth(
  setting: settings.Setting,
  budget: int,
  seed: int,
  read: Callable[[tasks.StepTruth], Sequence[bool]],
) -> Labelled:
  given, tokens = _buy(setting, budget, seed)
  labels = []
  for one in given:
    hard = tuple(map(int, read(setting.task.oracle(one.problem, one.steps))))
    none = (0,) * len(one.steps)
    labels.append(
      records.StepLabels(
        one.problem.id,
        none,
        none,
        "oracle",
        steps=one.steps,
        hard=hard,
        first_error=rollouts.first_error(hard),
      )
    )
  return Labelled(labels, tokens, {"solutions": len(given)})


def _buy(
  setting: settings.Setting, budget: int, seed: int
) -> tuple[list[rollouts.Given], int]:
  found: list[rollouts.Given] = []
  spent = 0
  for given, tokens in _drawn(setting, seed):
    for one, own in zip(given, tokens, strict=True):
      if spent >= budget:
        return found, spent
      found.append(one)
      spent += own
  raise AssertionError("the list does not end")


def _roll(
  setting: settings.Setting,
  budget: int,
  seed: int,
  config: rollouts.RolloutConfig,
) -> tuple[list[records.StepLabels], int]:
  complete = _Remembering(setting, config.num, seed)
  found: list[records.StepLabels] = []
  spent = 0
  for given, tokens in _drawn(setting, seed):
    labels = rollouts.label(
      given, complete, setting.task, config, completer=setting.completer
    )
    for one, own in zip(labels, tokens, strict=True):
      if spent >= budget:
        return found, spent
      found.append(one)
      spent += own + one.extra[rollouts.COST]["policy_tokens"]
  raise AssertionError("the list does not end")
