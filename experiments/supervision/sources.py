"""Where labels come from, each for the same number of tokens.

A source draws solutions until what they and their labels have cost reaches
the budget. The cost of a solution is its own tokens and those of the
completions that it was the first to ask for.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import settings

from prm_jax.data import records
from prm_jax.labelling import (
  consensus,
  judges,
  omega,
  omega_tree,
  references,
  relative_progress,
  rollouts,
)

CHUNK = 64  # solutions drawn at a time
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
  return Labelled(
    settings.to_solutions(setting, given), tokens, {"solutions": len(given)}
  )


def oracle(setting: settings.Setting, budget: int, seed: int) -> Labelled:
  """Right or wrong by the task itself; only the solutions cost."""
  given, tokens = _buy(setting, budget, seed)
  judge = judges.Oracle(setting.task)
  said = judge([one.problem for one in given], [one.steps for one in given])
  labels = []
  for one, own in zip(given, said, strict=True):
    none = (0,) * len(one.steps)
    labels.append(
      records.StepLabels(
        one.problem.id,
        none,
        none,
        "oracle",
        steps=one.steps,
        hard=own.verdicts,
        first_error=rollouts.first_error(own.verdicts),
      )
    )
  return Labelled(labels, tokens, {"solutions": len(given)})


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


def halved(setting: settings.Setting, budget: int, seed: int) -> Labelled:
  """OmegaPRM, problem by problem."""
  config = omega_tree.OmegaConfig(num_searches=8)
  write = references.writer(setting.task, config.num, seed)
  spent = 0

  def counting(problems, steps):
    nonlocal spent
    found = write(problems, steps)
    spent += sum(one.num_tokens for row in found for one in row)
    return found

  labels: list[records.StepLabels] = []
  searched = 0
  while spent < budget:
    problem = setting.train[searched % len(setting.train)]
    (own,) = omega.label([(searched, problem)], counting, config, "reference")
    labels += own.labels
    searched += 1
  return Labelled(labels, spent, {"edges": len(labels), "searched": searched})


SOURCES: Mapping[str, SourceFn] = {
  "outcomes": outcomes,
  "oracle": oracle,
  "hard": rolled(),
  "soft": rolled(targets="soft"),
  "soft_2": rolled(targets="soft", num=2),
  "progress": progress,
  "agreed": agreed,
  "halved": halved,
}


def _drawn(
  setting: settings.Setting, seed: int
) -> Iterator[list[rollouts.Given]]:
  """Chunks of one long list of solutions; sources see the same ones first."""
  num = 0
  while True:
    num += CHUNK
    yield settings.draw(setting, seed, num)[-CHUNK:]


def _buy(
  setting: settings.Setting, budget: int, seed: int
) -> tuple[list[rollouts.Given], int]:
  found: list[rollouts.Given] = []
  spent = 0
  for chunk in _drawn(setting, seed):
    for one, tokens in zip(
      chunk, settings.tokens_of(setting, chunk), strict=True
    ):
      if spent >= budget:
        return found, spent
      found.append(one)
      spent += tokens
  raise AssertionError("the list does not end")


def _roll(
  setting: settings.Setting,
  budget: int,
  seed: int,
  config: rollouts.RolloutConfig,
) -> tuple[list[records.StepLabels], int]:
  complete = settings.Remembering(setting, config.num, seed)
  found: list[records.StepLabels] = []
  spent = 0
  for chunk in _drawn(setting, seed):
    labels = rollouts.label(
      chunk, complete, setting.task, config, completer="reference"
    )
    own = settings.tokens_of(setting, chunk)
    for one, tokens in zip(labels, own, strict=True):
      if spent >= budget:
        return found, spent
      found.append(one)
      spent += tokens + one.extra[rollouts.COST]["policy_tokens"]
  raise AssertionError("the list does not end")
