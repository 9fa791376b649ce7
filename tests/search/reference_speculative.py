"""Two policies on the tabular model, in plain Python."""

import numpy as np

from tests.search import reference, tabular

SHARP = 0.5  # temperature of the target policy


def target(prefix) -> np.ndarray:
  """The target's law of the next token, float64."""
  weights = tabular.policy(prefix) ** (1 / SHARP)
  return weights / weights.sum()


def step_law(prefix, weight) -> np.ndarray:
  """P_RSD(. | prefix); `weight(score)` is the probability of acceptance."""
  draft = tabular.policy(prefix)
  kept = draft * [weight(tabular.prm((*prefix, token))) for token in range(3)]
  return kept + (1 - kept.sum()) * target(prefix)


def law(weight) -> np.ndarray:
  """Probabilities of `tabular.solutions()`."""
  return np.array(
    [
      np.prod(
        [
          step_law(s.tokens[:i], weight)[token]
          for i, token in enumerate(s.tokens)
        ]
      )
      for s in tabular.solutions()
    ]
  )


def inverse(law_, uniform) -> int:
  return int(np.sum(uniform >= np.cumsum(law_)[:-1]))


def trace(drafts, targets, delta):
  """A row from its uniforms [T] of both policies.

  Returns:
    its tokens, the tokens it drafted in vain, which steps are the target's.
  """
  row, vain, anew = (), [], []
  for mine, theirs in zip(drafts, targets, strict=True):
    if tabular.done(row):
      break
    draft = reference.extend(row, mine)
    rejected = tabular.prm(draft) < delta
    anew.append(rejected)
    if rejected:
      vain.append(draft[-1])
      draft = (*row, inverse(target(row), theirs))
    row = draft
  return row, vain, anew
