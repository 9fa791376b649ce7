"""Where labels come from, each for the same number of tokens.

A source draws solutions until what they and their labels have cost reaches
the budget, see `buying`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import buying
import settings

from prm_jax import errors
from prm_jax.data import records
from prm_jax.labelling import (
  advantages,
  consensus,
  judges,
  omega,
  omega_tree,
  relative_progress,
  rollouts,
)
from prm_jax.tasks import base as tasks

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
  given, tokens = buying.buy(setting, budget, seed)
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
    labels, tokens = buying.roll(setting, budget, seed, config)
    return Labelled(labels, tokens, {"solutions": len(labels)})

  return source


def progress(setting: settings.Setting, budget: int, seed: int) -> Labelled:
  """Relative progress from the same completions, and those of the problem."""
  config = rollouts.RolloutConfig(root=True)
  labels, tokens = buying.roll(setting, budget, seed, config)
  found = relative_progress.relabel(labels, relative_progress.Config())
  return Labelled(found.labels, tokens, {"solutions": len(labels)})


def agreed(setting: settings.Setting, budget: int, seed: int) -> Labelled:
  """Completions, kept where a judge puts the first error at one place."""
  labels, tokens = buying.roll(setting, budget, seed, rollouts.RolloutConfig())
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
  labels, tokens = buying.roll(setting, budget, seed, config)
  found = advantages.relabel(
    labels,
    None,
    advantages.Config(target="effective", until_pit=False, balanced=False),
  )
  return Labelled(found.labels, tokens, {"solutions": len(labels)})


def advantage_of(prover: str) -> SourceFn:
  """PAV with the progress of another policy, which completes as many."""

  def source(setting: settings.Setting, budget: int, seed: int) -> Labelled:
    if prover not in setting.provers:
      raise errors.UserError(f"--provers: there is no {prover!r}")
    own, other, tokens = buying.roll_both(setting, prover, budget, seed)
    found = advantages.relabel(
      own,
      other,
      advantages.Config(target="effective", until_pit=False, balanced=False),
    )
    return Labelled(found.labels, tokens, {"solutions": len(own)})

  return source


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
  "advantage_weak": advantage_of("weak"),
  "advantage_strong": advantage_of("strong"),
  "agreed": agreed,
  "halved": halved,
}


def _truth(
  setting: settings.Setting,
  budget: int,
  seed: int,
  read: Callable[[tasks.StepTruth], Sequence[bool]],
) -> Labelled:
  given, tokens = buying.buy(setting, budget, seed)
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
