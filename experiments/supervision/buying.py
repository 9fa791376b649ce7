"""What a number of tokens buys: solutions, and completions of their steps.

The cost of a solution is its own tokens and those of the completions that it
was the first to ask for.
"""

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import settings

from prm_jax.data import records
from prm_jax.labelling import references, rollouts
from prm_jax.solvers import rollouts as completions
from prm_jax.tasks import base as tasks

CHUNK = 64  # solutions drawn at a time


class _Remembering:
  """Completions of prefixes, which cost nothing when asked for again."""

  def __init__(self, setting: settings.Completer, num: int, seed: int):
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


def buy(
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


def roll(
  setting: settings.Setting,
  budget: int,
  seed: int,
  config: rollouts.RolloutConfig,
) -> tuple[list[records.StepLabels], int]:
  found, spent = _rolled(setting, [setting], budget, seed, config)
  return [labels for (labels,) in found], spent


def roll_both(
  setting: settings.Setting, prover: str, budget: int, seed: int
) -> tuple[list[records.StepLabels], list[records.StepLabels], int]:
  """The same solutions, labelled by the policy and by a prover."""
  config = rollouts.RolloutConfig(root=True)
  both = [setting, setting.provers[prover]]
  found, spent = _rolled(setting, both, budget, seed, config)
  own, other = map(list, zip(*found, strict=True))
  return own, other, spent


def _rolled(
  setting: settings.Setting,
  completers: Sequence[settings.Completer],
  budget: int,
  seed: int,
  config: rollouts.RolloutConfig,
) -> tuple[list[tuple[records.StepLabels, ...]], int]:
  """Per solution the labels of each completer, and what all of it cost."""
  writers = [_Remembering(one, config.num, seed) for one in completers]
  found: list[tuple[records.StepLabels, ...]] = []
  spent = 0
  for given, tokens in _drawn(setting, seed):
    each = [
      rollouts.label(
        given, complete, setting.task, config, completer=one.completer
      )
      for one, complete in zip(completers, writers, strict=True)
    ]
    for own, *labels in zip(tokens, *each, strict=True):
      if spent >= budget:
        return found, spent
      found.append(tuple(labels))
      costs = [one.extra[rollouts.COST]["policy_tokens"] for one in labels]
      spent += own + sum(costs)
  raise AssertionError("the list does not end")
