"""Stepwise outcome labels (SORM of GLoRe, arXiv 2402.10963).

A prefix is right that any of K completions solves: 1 - (1 - V)^K in the mean,
nearer to what can be reached than to the policy's value. Then a right step
makes those before it right; a completion counts as proof only if it goes on
from the prefix's own results; and classes are balanced per prefix length.
"""

import collections
import dataclasses
import re
from collections.abc import Mapping, Sequence

from prm_jax import errors
from prm_jax.data import records
from prm_jax.labelling import balance, counts, rollouts

# In `extra`: per step the texts of completions known to be right. No command
# keeps these; write them from Python.
VERIFIED = "verified"
_NUMBER = re.compile(r"-?\d+(?:[./]\d+)?")
_RESULT = re.compile(rf"=\s*({_NUMBER.pattern})\s*$")


@dataclasses.dataclass(frozen=True)
class Config:
  """Which of the paper's corrections are made.

  Attributes:
    closure: steps before a right one are right.
    consistency: where the texts of all right completions of a prefix are
      known (`extra["verified"]`, which no command writes) and none uses the
      prefix's results, it is wrong.
    balanced: as many right as wrong prefixes of each length.
    seed: of the labels that are left out for it.
  """

  closure: bool = True
  consistency: bool = False
  balanced: bool = True
  seed: int = 0


def close(hard: Sequence[int | None]) -> tuple[int | None, ...]:
  """Right where the step or any later one is, known or not."""
  found, later = [], False
  for value in reversed(hard):
    later = later or value == 1
    found.append(1 if later else value)
  return tuple(reversed(found))


def uses_results(prefix: Sequence[str], completion: Sequence[str]) -> bool:
  """Whether a completion goes on from what the prefix found.

  Every result, a number behind the last `=` of a step, that no later step of
  the prefix uses has to stand somewhere in the completion; a prefix without
  such results is always gone on from.
  """
  open_results: dict[str, None] = {}
  for step in prefix:
    for number in _NUMBER.findall(_RESULT.sub("", step)):
      open_results.pop(number, None)
    if match := _RESULT.search(step):
      open_results[match[1]] = None
  used = set(_NUMBER.findall(" ".join(completion)))
  return set(open_results) <= used


def relabel(
  labels: Sequence[records.StepLabels], config: Config
) -> counts.Relabelled:
  """Classes of prefixes.

  Returns:
    `told` counts prefixes that consistency made wrong, right ones it could
    not check (`unchecked`), those that closure made right, and what balancing
    left out.

  Raises:
    UserError: names the field of `extra` that is malformed.
  """
  told: collections.Counter[str] = collections.Counter(
    dict.fromkeys(("inconsistent", "unchecked", "closed"), 0)
  )
  found = []
  for index, label in enumerate(labels):
    hard = rollouts.classes(label.n_correct, label.n_total)
    if config.consistency:
      hard = _consistent(label, hard, told, f"labels[{index}]")
    if config.closure:
      before, hard = hard, close(hard)
      told["closed"] += sum(a != b for a, b in zip(before, hard, strict=True))
    found.append(
      dataclasses.replace(label, hard=hard, soft=None, first_error=None)
    )
  if not config.balanced:
    return counts.Relabelled(found, dict(told))
  made = balance.relabel(found, balance.Config(by="step", seed=config.seed))
  return counts.Relabelled(made.labels, {**told, **made.told})


def _consistent(
  label: records.StepLabels,
  hard: Sequence[int | None],
  told: collections.Counter[str],
  where: str,
) -> tuple[int | None, ...]:
  steps = counts.steps(label)
  known = label.extra.get(VERIFIED)
  texts = [[]] * len(steps) if known is None else known
  if not _is_texts(texts) or len(texts) != len(steps):
    raise errors.UserError(
      f"{where}.extra.{VERIFIED}: expected lists of step texts per step"
    )
  found: list[int | None] = []
  for k, (value, own) in enumerate(zip(hard, texts, strict=True)):
    # The last step is the answer: nothing is to come.
    if value != 1 or k == len(steps) - 1:
      found.append(value)
    elif any(uses_results(steps[: k + 1], text) for text in own):
      found.append(1)
    elif len(own) < label.n_correct[k]:
      told["unchecked"] += 1
      found.append(1)
    else:
      told["inconsistent"] += 1
      found.append(0)
  return tuple(found)


def _is_texts(value: object) -> bool:
  """[steps][completions][steps] of texts."""
  if isinstance(value, Mapping | str) or not isinstance(value, Sequence):
    return False
  for own in value:
    if isinstance(own, str) or not isinstance(own, Sequence):
      return False
    for text in own:
      if isinstance(text, str) or not isinstance(text, Sequence):
        return False
      if not all(isinstance(step, str) for step in text):
        return False
  return True
